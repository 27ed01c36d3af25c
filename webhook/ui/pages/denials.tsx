import { ownWordOfName } from '../../../src/api/mute-words.js'
import { decisionToBlock } from '../../../src/seccomp/render/block.js'
import { emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import type { VNode } from 'preact'
import { type DenialGroup, groupDenials, isOpen, openGroups } from '../../views/denial-view.js'
import type { Call, Ui } from '../model/context.js'
import { derivedOf, isWorkload, planOf, unblockHref, workloadHref } from '../model/derived.js'
import { counted, hrefWith, listPage, numberText } from '../parts/format.js'
import { ActionForm, Choice, Filters, FormError, Hidden, Of, TextField } from '../parts/forms.js'
import {
  callsText,
  ContainerWords,
  StateCell,
  type StateCellProps,
  SyscallCell
} from './denial-state.js'
import { Moment } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyBody, Sentence } from '../parts/panels.js'
import { Pager, type Row, Table } from '../parts/table.js'

const perPage = 50

const keyOf = ({ namespace, profile }: DenialGroup) => `${namespace}/${profile}`

function matches(group: DenialGroup, words: string, kind: string): boolean {
  const place = `${group.containerName} ${group.pod} ${group.node}`
  const called = [group.syscall, ...group.calls].join(' ')
  const text = `${keyOf(group)} ${called} ${group.comm} ${place}`.toLowerCase()
  if (words !== '' && !text.includes(words.toLowerCase())) return false
  if (kind === 'open') return isOpen(group)
  if (kind === 'logged') return group.logged
  return kind === '' || group.state === kind
}

function MuteForm({ group }: { group: DenialGroup }): VNode {
  const { state, syscall, profile, comm, callers } = group
  const muted = state === 'muted'
  const whose = <Of what={`${syscall} of ${profile}`} />
  const word = muted ? 'Unmute' : 'Mute'
  const title = muted
    ? 'The denial is shown as open again'
    : `The syscall stays denied and counted, and is not shown as open any more. Whose it is goes by name: ${ownWordOfName}`
  return (
    <details>
      <summary title={title}>
        {word}
        {whose}
      </summary>
      <ActionForm class="stack tight" url="/api/v1/mute" then="reload">
        <Hidden name="profile" value={keyOf(group)} />
        <Hidden name="syscall" value={syscall} />
        {comm !== '' && callers === 1 && <Hidden name="comm" value={comm} />}
        {muted && <Hidden name="remove" kind="boolean" value="true" />}
        <TextField name="reason" label="Why" required maxlength={1000} />
        <FormError />
        <button class="btn s" type="submit">
          {word}
          {whose}
        </button>
      </ActionForm>
    </details>
  )
}

interface May {
  approve: boolean
  mute: boolean
}

/** Where a syscall can be allowed: in the emergency, in the review of its profile, or at the call itself. */
type Way = 'blocked' | 'proposed' | 'call'

/** Returns where a denied syscall can be allowed: a workload has a review, other profiles have none. */
function wayOf(ui: Ui, group: DenialGroup): Way {
  const derived = derivedOf(ui.sources, ui.now())
  if (group.block !== undefined) return 'blocked'
  const profile = derived.byKey.get(keyOf(group))
  if (profile === undefined || !isWorkload(profile)) return 'call'
  const names = [...planOf(profile).adds, ...derived.undecided(profile).map(({ name }) => name)]
  return names.includes(group.syscall) ? 'proposed' : 'call'
}

/** The page that can allow the syscall. */
function allowLink(group: DenialGroup, way: Way): { href: string; word: string } {
  const key = keyOf(group)
  if (way === 'blocked') return { href: unblockHref, word: 'Unblock' }
  return way === 'proposed'
    ? { href: `/review/${key}`, word: 'Allow in review' }
    : { href: `${workloadHref(key)}?call=${group.syscall}#call`, word: 'Allow' }
}

interface ActionsProps {
  group: DenialGroup
  may: May
  way: Way
}

function Actions({ group, may, way }: ActionsProps): VNode | null {
  // There is nothing to decide in a profile that does not exist: the next step is a restart.
  if (group.isOfDeleted && !isOpen(group)) return null
  if (group.isOfDeleted) {
    return (
      <span class="sub">
        <bdi>
          <Sentence text={group.hint} />
        </bdi>
      </span>
    )
  }
  const whose = <Of what={`${group.syscall} of ${group.profile}`} />
  const { href, word } = allowLink(group, way)
  const explain = (
    <a class="btn s" href={`${workloadHref(keyOf(group))}?call=${group.syscall}#call`}>
      Explain
      {whose}
    </a>
  )
  if (!may.approve || ['expected', 'own', 'closed'].includes(group.state)) return explain
  return (
    <div class="row">
      {group.state === 'open' && (
        <a class="btn s" href={href}>
          {word}
          {whose}
        </a>
      )}
      {may.mute && <MuteForm group={group} />}
      {explain}
    </div>
  )
}

/** The profile of a line; another profile may have the name of a deleted one. */
function ProfileLink({ group }: { group: DenialGroup }): VNode {
  const name = <bdi>{keyOf(group)}</bdi>
  return group.isOfDeleted ? name : <a href={workloadHref(keyOf(group))}>{name}</a>
}

function rowOf({ group, may, way, decision, now }: ActionsProps & StateCellProps): Row {
  return {
    key: group.key,
    attention: !isOpen(group) || group.logged ? '' : 'bad',
    cells: [
      <Moment at={group.at} now={now} />,
      <>
        <ProfileLink group={group} />
        <span class="sub">
          <ContainerWords group={group} />
          {group.instances > 1 && ` and ${group.instances - 1} more`} on{' '}
          <bdi class="nowrap">{group.node}</bdi>
        </span>
      </>,
      <SyscallCell group={group} />,
      <span class="mono">{group.answer}</span>,
      numberText(group.count),
      <>
        <bdi class="mono">{group.comm === '' ? '–' : group.comm}</bdi>
        {group.pid !== 0 && <span class="sub nowrap">pid {group.pid} on the host</span>}
      </>,
      <StateCell group={group} decision={decision} now={now} />,
      <Actions group={group} may={may} way={way} />
    ]
  }
}

interface NoDenialsProps {
  /** Whether there are denials that the filter hides. */
  filtered: boolean
  knownSince: string | undefined
  now: number
}

/** Why the list is empty, and what that does not exclude. */
function NoDenials({ filtered, knownSince, now }: NoDenialsProps): VNode {
  if (filtered)
    return <EmptyBody what="No denial matches the filter." next={<a href="/denials">Show all</a>} />
  if (knownSince === undefined)
    return <EmptyBody what="No denial is known." next="Denials are not reported to this hub." />
  const next = (
    <>
      Denials are known since <Moment at={knownSince} now={now} />; earlier ones are not excluded.
      What a profile denies (enforce) or would deny (audit) appears here within a second.
    </>
  )
  return <EmptyBody what="No denial is known." next={next} />
}

const columns = [
  ...['Last seen', 'Workload', 'Syscall', 'Answer'],
  { title: 'Count', num: true },
  ...['Newest caller', 'State', 'Actions']
]

const kinds = [
  ['', 'all'],
  ['open', 'open'],
  ['logged', 'would be denied'],
  ['expected', 'explained'],
  ['own', 'of Secco'],
  ['muted', 'muted'],
  ['closed', 'closed']
] as const

function shownOf(ui: Ui, group: DenialGroup, may: May) {
  const now = ui.now()
  const overlay = derivedOf(ui.sources, now).byKey.get(emergencyLabel)
  const { syscall, block = syscall } = group
  const decision = overlay && decisionToBlock(overlay, block, syscall)
  return { group, may, way: wayOf(ui, group), decision, now }
}

async function render({ ui, identity, query }: Call): Promise<View> {
  const { q = '', kind = '' } = query
  const denials = ui.sources.denials()
  const knownSince = ui.sources.denialsKnownSince()
  const groups = groupDenials(denials)
  const found = groups.filter((group) => matches(group, q, kind))
  const { items, ...place } = listPage(found, query['page'], perPage)
  const approve = await identity.can('approve', 'seccompprofiles')
  const may = { approve, mute: approve && ui.offers('POST', '/api/v1/mute') }
  const now = ui.now()
  return {
    title: 'Denials',
    facts: [
      <span class="live" data-live-state>
        live
      </span>,
      `${counted(openGroups(denials).length, 'open line')}, ${callsText(denials)}`,
      'counted in the kernel: none sampled',
      <>
        known since <Moment at={knownSince} now={now} never="an unknown time" />
      </>
    ],
    actions: (
      <>
        <button class="btn" type="button" data-pause aria-pressed="false">
          Pause
        </button>
        <a class="btn" href="/api/v1/denials" download="denials.json">
          Export
        </a>
      </>
    ),
    body: (
      <>
        <section class="panel">
          <Filters label="Filter denials" value={q} placeholder="workload, syscall, comm">
            <Choice label="State" name="kind" chosen={kind} options={kinds} />
          </Filters>
        </section>
        <section class="panel">
          <Table
            caption="Denials"
            note="newest first, one line per workload, syscall and answer"
            columns={columns}
            rows={items.map((group) => rowOf(shownOf(ui, group, may)))}
            heading={1}
            live="denials"
          />
          {items.length === 0 ? (
            <div data-live="pages of lines">
              <NoDenials filtered={groups.length > 0} knownSince={knownSince} now={now} />
            </div>
          ) : (
            <Pager
              {...place}
              what="lines"
              href={(to) => hrefWith('/denials', { q, kind, page: String(to) })}
            />
          )}
          <footer>
            “logged” is audit: the call succeeded and would be denied in enforce. “explained” is
            clone3 with ENOSYS: every C library uses clone then. “closed”: the profile allows the
            call by now, or was deleted, and the container that was denied it has ended.
          </footer>
        </section>
        <CommandPanel
          texts={[
            ui.offers('GET', '/api/v1/denials/stream')
              ? 'secco denials -f'
              : 'secco profile show NAME'
          ]}
        />
      </>
    )
  }
}

export const denialsPage: Page = {
  path: '/denials',
  live: true,
  nav: 'Denials',
  count: 'denials',
  needs: { verb: 'list', resource: 'denials' },
  render
}
