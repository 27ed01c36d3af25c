import type { VNode } from 'preact'
import type { SeccompArg, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { plural } from '../../../src/lib/plural.js'
import {
  type EmergencyTemplate,
  emergencyTemplates
} from '../../../src/seccomp/data/emergency-templates.js'
import { rulesOf } from '../../../src/seccomp/policy/normal-form.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../src/seccomp/render/block.js'
import { emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import type { Call } from '../model/context.js'
import { derivedOf } from '../model/derived.js'
import { ActionForm, FormError, Hidden, Of, TextField } from '../parts/forms.js'
import { Tag } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { Command, CommandPanel, Empty, Panel } from '../parts/panels.js'
import { type Row, Table } from '../parts/table.js'
import { HistoryPanel } from '../parts/workload-parts.js'

const blockUrl = '/api/v1/block'

function conditionText({ index, op, value, valueTwo }: SeccompArg): string {
  return op === 'SCMP_CMP_MASKED_EQ'
    ? `argument ${index} & 0x${value.toString(16)} = 0x${(valueTwo ?? 0).toString(16)}`
    : `argument ${index} ${op.replace('SCMP_CMP_', '').toLowerCase()} ${value}`
}

/** A short field for the reason, in a row of a table or list. */
function ReasonField(props: { id: string; label: string }): VNode {
  return (
    <>
      <label class="vh" for={props.id}>
        {props.label}
      </label>
      <input type="text" class="short" id={props.id} name="reason" required placeholder="reason" />
    </>
  )
}

function BlockForm({ name, blocked }: { name: string; blocked: boolean }): VNode {
  return (
    <ActionForm class="row" url={blockUrl} then="reload">
      <Hidden name="what" value={name} />
      {blocked && <Hidden name="remove" kind="boolean" value="true" />}
      <ReasonField id={`why-${name}`} label={`Reason for ${name}`} />
      <button class="btn s" type="submit" name="dryRun" value="true" data-kind="boolean">
        Impact
        <Of what={`of ${name}`} />
      </button>
      <button class={blocked ? 'btn s' : 'btn s danger'} type="submit">
        {blocked ? 'Unblock' : 'Block'}
        <Of what={name} />
      </button>
      <FormError />
    </ActionForm>
  )
}

/** Returns the word that unblocks exactly this; undefined for conditions that only a template names. */
function wordOf(name: string, args: readonly SeccompArg[]): string | undefined {
  const conditions = args.map(({ index, op, value, valueTwo }) =>
    op === 'SCMP_CMP_EQ'
      ? `${index}=${value}`
      : op === 'SCMP_CMP_MASKED_EQ' && valueTwo === value
        ? `${index}&${value}`
        : undefined
  )
  if (conditions.includes(undefined)) return undefined
  return conditions.length === 0 ? name : `${name}:${conditions.join(',')}`
}

function Unblock({ name, args }: { name: string; args: readonly SeccompArg[] }): VNode {
  const word = wordOf(name, args)
  if (word === undefined) return <span class="muted">unblock its template</span>
  return (
    <ActionForm class="inline" url={blockUrl} then="reload">
      <Hidden name="what" value={word} />
      <Hidden name="remove" kind="boolean" value="true" />
      <ReasonField id={`back-${word}`} label={`Reason to unblock ${word}`} />
      <button class="btn s" type="submit">
        Unblock
        <Of what={word} />
      </button>
    </ActionForm>
  )
}

/** The browser fills it in (blocked.ts): the hub reads the files of running containers for it. */
function RestartPanel(): VNode {
  return (
    <section class="panel" aria-labelledby="h-restart" data-blocked>
      <header>
        <h2 id="h-restart">Who must restart</h2>
        <p data-blocked-words>asking the hub …</p>
      </header>
      <div class="body">
        <ul class="list tight" data-blocked-list />
        <noscript>
          <p class="muted">
            JavaScript is off: <code>secco block</code> lists the containers.
          </p>
        </noscript>
      </div>
    </section>
  )
}

function templateRow(template: EmergencyTemplate, overlay: SeccompProfile, may: boolean): Row {
  const { name, reason, sources, rules } = template
  const none = { by: '', at: '', reason: '' }
  const blocked = withBlock(overlay, parseBlock(name), none, false) === overlay
  const names = [...new Set(rules.flatMap((rule) => rule.names))]
  return {
    key: name,
    attention: blocked ? 'bad' : '',
    cells: [
      <span class="mono nowrap">{name}</span>,
      <>
        {reason}
        <span class="sub">{sources.slice(0, 4).join(', ')}</span>
      </>,
      <>
        <span class="mono">{names.slice(0, 6).join(' ')}</span>
        {rules.some(({ args = [] }) => args.length > 0) && (
          <span class="sub">with some arguments only</span>
        )}
      </>,
      blocked ? (
        <Tag text="blocked" tone="bad" shape="x" />
      ) : (
        <Tag text="as each profile says" shape="none" />
      ),
      may ? (
        <BlockForm name={name} blocked={blocked} />
      ) : (
        <code class="nowrap">secco block {name}</code>
      )
    ]
  }
}

type BlockedRule = ReturnType<typeof rulesOf>[number]

function BlockedNow({ rules, may }: { rules: readonly BlockedRule[]; may: boolean }): VNode {
  if (rules.length === 0) {
    const next =
      'A block reaches new containers within seconds; running ones keep their filter until they restart.'
    return <Empty what="Nothing is blocked." next={next} />
  }
  return (
    <ul class="list tight">
      {rules.map(({ name, args = [] }) => (
        <li>
          <span>
            <span class="mono">{name}</span>
            {args.length > 0 && (
              <>
                {' '}
                <span class="muted">when {args.map(conditionText).join(' and ')}</span>
              </>
            )}
          </span>
          {may && <Unblock name={name} args={args} />}
        </li>
      ))}
    </ul>
  )
}

function OwnBlockPanel(): VNode {
  return (
    <Panel id="h-own" title="Another call">
      <ActionForm class="body stack" url={blockUrl} then="reload">
        <TextField
          name="what"
          label="Syscall, or some of its arguments"
          required
          placeholder="socket:domain=AF_ALG"
        />
        <TextField name="reason" label="Reason" required />
        <FormError />
        <div class="row">
          <button class="btn" type="submit" name="dryRun" value="true" data-kind="boolean">
            Impact
          </button>
          <button class="btn danger" type="submit">
            Block
          </button>
        </div>
        <Command text="secco block socket:domain=AF_ALG --reason WHY --dry-run" />
      </ActionForm>
    </Panel>
  )
}

function Never(): VNode {
  const next = 'Who blocks or unblocks what, and why, is kept here.'
  return <Empty what="Nothing was ever blocked." next={next} />
}

async function render({ ui, identity }: Call): Promise<View> {
  const { byKey } = derivedOf(ui.sources, ui.now())
  const overlay = byKey.get(emergencyLabel) ?? emptyOverlay()
  const may =
    ui.offers('POST', '/api/v1/block') &&
    (await identity.can('approve', 'seccompprofiles', 'secco-system', 'emergency'))
  const { seccomp } = overlay.spec
  const rules = seccomp === undefined ? [] : rulesOf(seccomp)
  return {
    title: 'Emergency',
    facts: [
      `${plural(rules.length, 'rule')} in force`,
      'base calls cannot be blocked without force'
    ],
    body: (
      <>
        <section class="panel">
          <Table
            caption="Templates"
            note="a class of attacks each"
            columns={['Template', 'Why', 'Calls', 'State', 'Action']}
            rows={emergencyTemplates.map((each) => templateRow(each, overlay, may))}
            live="blocks"
          />
        </section>
        <div class="cols even">
          <section class="panel" aria-labelledby="h-now" data-live="now">
            <header>
              <h2 id="h-now">Blocked now</h2>
              <p>in every profile, whatever its approval allows</p>
            </header>
            <div class="body">
              <BlockedNow rules={rules} may={may} />
            </div>
          </section>
          {may && <OwnBlockPanel />}
        </div>
        {rules.length > 0 && ui.offers('GET', '/api/v1/block') && <RestartPanel />}
        <HistoryPanel profile={overlay} now={ui.now()} none={<Never />} revisions={false} />
        <CommandPanel texts={['secco block', 'secco block af-alg --reason WHY']} />
      </>
    )
  }
}

export const emergencyPage: Page = {
  path: '/emergency',
  live: true,
  nav: 'Emergency',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
