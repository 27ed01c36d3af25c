import type { VNode } from 'preact'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { plural } from '../../../src/lib/plural.js'
import { quoted } from '../../../src/lib/shell-word.js'
import { allowedBy } from '../../../src/seccomp/review/profile-size.js'
import { bySeverity } from '../../../src/seccomp/lint/lint-finding.js'
import { lintSeccomp } from '../../../src/seccomp/lint/lint.js'
import { reasonLine } from '../../../src/seccomp/policy/why.js'
import type { Rendering } from '../../../src/seccomp/render/render.js'
import { keyOf } from '../model/derived.js'
import { ActionForm, FormError } from './forms.js'
import { Tag } from './marks.js'
import { Command, Empty, InlineCommand, Panel, Sentence } from './panels.js'
import { Table } from './table.js'

const mostFindings = 20

/** Why each syscall of a rendering is treated as it is. */
export function Provenance({ rendering }: { rendering: Rendering }): VNode {
  const allowed = allowedBy(rendering.seccomp)
  const rows = Object.entries(rendering.reasons).map(([name, reasons]) => ({
    key: name,
    cells: [
      <span class="mono">{name}</span>,
      allowed.has(name) ? (
        <Tag text="allowed" tone="ok" shape="yes" />
      ) : (
        <Tag text="answered otherwise" shape="none" />
      ),
      <ul>
        {reasons.map((reason) => (
          <li>
            <bdi>{reasonLine(reason)}</bdi>
          </li>
        ))}
      </ul>
    ]
  }))
  return (
    <section class="panel">
      <details>
        <summary class="pad">
          Provenance: why each of {plural(rows.length, 'call')} is as it is, {allowed.size} of them
          allowed
        </summary>
        <Table caption="Provenance" columns={['Syscall', 'Treated', 'Because']} rows={rows} />
      </details>
    </section>
  )
}

/** What the linter finds in the approved part. */
export function LintPanel({ profile }: { profile: SeccompProfile }): VNode {
  const { seccomp } = profile.spec
  if (seccomp === undefined) {
    const next = 'What is approved is checked here.'
    return (
      <Panel id="h-lint" title="Lint" body="">
        <Empty what="Nothing is approved yet." next={next} />
      </Panel>
    )
  }
  const findings = bySeverity(lintSeccomp(seccomp, 'spec'))
  const note = findings.length === 0 ? 'nothing found' : plural(findings.length, 'finding')
  const more = findings.length - mostFindings
  return (
    <Panel id="h-lint" title="Lint" note={note} body="">
      {findings.length === 0 ? (
        <p class="muted">Nothing is wrong or surprising.</p>
      ) : (
        <ul class="list tight">
          {findings.slice(0, mostFindings).map(({ subject, message, severity }) => (
            <li>
              <span>
                <Tag text={severity} tone={severity === 'error' ? 'bad' : 'warn'} />{' '}
                <b>{subject}</b> <Sentence text={message} />
              </span>
            </li>
          ))}
          {more > 0 && (
            <li>
              and {more} more: <InlineCommand text={`secco lint ${keyOf(profile)}`} />
            </li>
          )}
        </ul>
      )}
    </Panel>
  )
}

const formats = [
  ['oci', 'OCI JSON'],
  ['yaml', 'YAML'],
  ['spo', 'for the operator']
] as const

interface ExportProps {
  profile: string
  /** Why a file for enforce has to be forced, where it has to: then the files are for audit. */
  why: string | undefined
  /** Whether something is approved: else there is no file yet, only the document. */
  isApproved: boolean
}

/** Buttons that download the profile in each format. */
export function ExportPanel({ profile, why, isApproved }: ExportProps): VNode {
  const [more, note] = why === undefined ? ['', ''] : ['&mode=audit', ', for audit']
  return (
    <Panel id="h-exp" title="Export" class="no-print" body="stack">
      <div class="row">
        {formats
          .filter(([format]) => isApproved || format === 'yaml')
          .map(([format, word]) => {
            const [query, what] = format === 'yaml' ? ['', ''] : [more, note]
            return (
              <button
                class="btn"
                type="button"
                data-export={`/api/v1/profiles/${profile}/export?format=${format}${query}`}
              >
                {`${word}${what}`}
              </button>
            )
          })}
      </div>
      {!isApproved && (
        <p class="small muted">Nothing is approved: there is no file for a runtime yet.</p>
      )}
      {isApproved && why !== undefined && (
        <>
          <p class="small muted">
            <Sentence text={why} />. For enforce all the same:
          </p>
          <Command text={`secco profile export ${quoted(profile)} --force`} />
        </>
      )}
    </Panel>
  )
}

/** The form that deletes the profile; its name has to be typed. */
export function DeletePanel({ profile, name }: { profile: string; name: string }): VNode {
  return (
    <Panel id="h-del" title="Delete" class="no-print">
      <ActionForm
        class="body stack tight"
        method="DELETE"
        url={`/api/v1/profiles/${profile}`}
        then="/profiles"
        confirm={name}
      >
        <p class="muted">
          Running containers keep their filter; new ones get what their rule says when a profile is
          missing.
        </p>
        <div class="field">
          <label for="confirm">Type {name} to delete it</label>
          <input type="text" id="confirm" autocomplete="off" data-confirm-field />
        </div>
        <FormError />
        <button class="btn danger narrow-btn" type="submit">
          Delete
        </button>
      </ActionForm>
    </Panel>
  )
}
