import type { VNode } from 'preact'
import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { plural } from '../../../src/lib/plural.js'
import {
  type EmergencyTemplate,
  emergencyTemplates
} from '../../../src/seccomp/data/emergency-templates.js'
import { isApprovalStale } from '../../../src/seccomp/policy/approval.js'
import { rulesOf } from '../../../src/seccomp/policy/normal-form.js'
import {
  decisionToBlock,
  emptyOverlay,
  parseBlock,
  withBlock
} from '../../../src/seccomp/render/block.js'
import { emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import { unblockedEquivalents } from '../../../src/seccomp/render/unblocked-equivalents.js'
import { trailOf } from '../../../src/seccomp/review/trail.js'
import type { Call } from '../model/context.js'
import { derivedOf } from '../model/derived.js'
import { blockedText } from '../parts/format.js'
import { BlockedNow, BlockForm, blockUrl, ReasonField } from './blocked-now.js'
import { ActionForm, FormError, Hidden, Of, TextField, TryButton } from '../parts/forms.js'
import { Tag } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import {
  CommandPanel,
  Empty,
  EmptyBody,
  FormCommand,
  InlineCommand,
  Panel
} from '../parts/panels.js'
import { type Row, Table } from '../parts/table.js'
import { HistoryPanel } from '../parts/history-view.js'

function UnblockForm({ name }: { name: string }): VNode {
  return (
    <ActionForm class="row" url={blockUrl} then="reload">
      <Hidden name="what" value={name} />
      <Hidden name="remove" kind="boolean" value="true" />
      <ReasonField id={`why-${name}`} label={`Reason for ${name}`} />
      <TryButton class="btn s">
        Impact
        <Of what={`of ${name}`} />
      </TryButton>
      <button class="btn s" type="submit">
        Unblock
        <Of what={name} />
      </button>
      <FormError />
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
            JavaScript is off: <InlineCommand text="secco block" /> lists the containers.
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
        <>
          <Tag text="blocked" tone="bad" shape="x" />
          <span class="sub">
            <bdi>{blockedText(decisionToBlock(overlay, name, names[0] ?? name))}</bdi>
          </span>
        </>
      ) : (
        <Tag text="as each profile says" shape="none" />
      ),
      may ? (
        blocked ? (
          <UnblockForm name={name} />
        ) : (
          <BlockForm class="row" id={`why-${name}`} what={name} />
        )
      ) : (
        <InlineCommand text={`secco block ${name}`} />
      )
    ]
  }
}

function OwnBlockPanel(): VNode {
  return (
    <Panel id="h-own" title="Another call">
      <ActionForm class="body stack" url={blockUrl} then="reload" command="block" isTried>
        <TextField
          name="what"
          label="Syscall, with + all that do the same, or some of its arguments"
          required
          placeholder="socket:domain=AF_ALG"
        />
        <TextField name="reason" label="Reason" required />
        <FormError />
        <div class="row">
          <TryButton class="btn danger">Impact, then block</TryButton>
        </div>
        <FormCommand kind="block" of="block" values={{}} />
      </ActionForm>
    </Panel>
  )
}

/** Returns who wrote the overlay as it is, and when, as far as that is known without a decision. */
function writerText({ metadata, spec }: SeccompProfile): string {
  const { by, at, reason } = spec.approval ?? {}
  if (by !== undefined && at !== undefined && !isApprovalStale(spec))
    return `Its rules are by ${by}, ${at.slice(0, 10)}${reason === undefined ? '' : `: ${reason}`}.`
  const since = metadata.creationTimestamp?.slice(0, 10)
  const wrote = `Somebody wrote them into the profile ${emergencyLabel} itself`
  return since === undefined ? `${wrote}.` : `${wrote}, which exists since ${since}.`
}

/** Says why no decision is listed: nothing was blocked, or nobody recorded who did it. */
function NoDecision(props: { overlay: SeccompProfile | undefined; rules: number }): VNode {
  const { overlay, rules } = props
  const kept = 'Who blocks or unblocks what, and why, is kept here.'
  if (overlay === undefined) return <Empty what="Nothing was ever blocked." next={kept} />
  if (rules === 0) return <Empty what="Nothing is blocked, and no decision is known." next={kept} />
  const what = `${plural(rules, 'rule is', 'rules are')} in force, and no decision about a block is recorded.`
  return <Empty what={what} next={`${writerText(overlay)} ${kept}`} />
}

/** The page of a person who may not read the profile of what is blocked. */
const unreadable: View = {
  title: 'Emergency',
  body: (
    <section class="panel">
      <EmptyBody
        what="What is blocked is not shown to you."
        next={`It is in the profile ${emergencyLabel}: ask for the role secco-viewer in namespace ${rootNamespace}.`}
      />
    </section>
  )
}

async function render({ ui, identity }: Call): Promise<View> {
  const { byKey } = derivedOf(ui.sources, ui.now())
  const known = byKey.get(emergencyLabel)
  const overlay = known ?? emptyOverlay()
  const may =
    ui.offers('POST', '/api/v1/block') &&
    (await identity.can('approve', 'seccompprofiles', 'secco-system', 'emergency'))
  if (!ui.sources.isReadable(rootNamespace)) return unreadable
  const lists = ui.offers('GET', '/api/v1/block') && (await identity.can('list', 'containers'))
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
              <BlockedNow
                overlay={overlay}
                rules={rules}
                equivalents={unblockedEquivalents(rules, overlay)}
                may={may}
              />
            </div>
          </section>
          {may && <OwnBlockPanel />}
        </div>
        {rules.length > 0 && lists && <RestartPanel />}
        <div data-live="history">
          <HistoryPanel
            trail={trailOf(overlay)}
            now={ui.now()}
            none={<NoDecision overlay={known} rules={rules.length} />}
            revisions={false}
          />
        </div>
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
