import { isStartUnseen, startUnseenText } from '../../../src/seccomp/review/evidence.js'
import { emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import type { Call, Ui } from '../model/context.js'
import { type Derived, derivedOf } from '../model/derived.js'
import { approvalCommand, changesOf, proposalOf, reviewCounts } from '../model/proposal.js'
import { obstacleToProposal } from '../model/start-check.js'
import type { WorkloadLine } from '../model/workloads.js'
import { listPage, numberText } from '../parts/format.js'
import { Of } from '../parts/forms.js'
import { Icon } from '../parts/icons.js'
import { Meter, StateMarks } from '../parts/marks.js'
import { alreadyText } from '../parts/change-table.js'
import { whollyAllowed } from '../../../src/seccomp/review/profile-size.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyBody } from '../parts/panels.js'
import { Pager, type Row, Table } from '../parts/table.js'
import { WorkloadName } from '../parts/workload-table.js'

const perPage = 50

function rowOf(line: WorkloadLine, derived: Derived): Row {
  const { key, profile, toReview } = line
  const { evidence } = derived.completeness(profile)
  const allowed = whollyAllowed(derived.rendering(profile).rendering?.seccomp)
  const counts = reviewCounts(profile, derived.undecided(profile), allowed)
  const { adds, already, denied, logged, blocked, beyond } = counts
  return {
    key,
    attention: denied > 0 || isStartUnseen(profile) ? 'bad' : toReview + logged > 0 ? 'warn' : '',
    cells: [
      <>
        <WorkloadName line={line} href={`/review/${key}`} />
        <span class="sub">{line.kind}</span>
      </>,
      <StateMarks states={line.states} />,
      <>
        {adds} to add
        {alreadyText(already)}
        {denied > 0 && `, ${denied} denied now`}
        {logged > 0 && `, ${logged} logged by audit`}
        {blocked > 0 && `, ${blocked} blocked in an emergency`}
        <span class={beyond > 0 ? 'sub warn' : 'sub'}>{beyond} that RuntimeDefault denies</span>
      </>,
      <>
        <Meter met={evidence.filter(({ ok }) => ok).length} total={evidence.length} />
        {isStartUnseen(profile) && (
          <span class="sub bad" title={startUnseenText(profile)}>
            <Icon name="tri" tone="bad" /> no start was recorded
          </span>
        )}
      </>,
      toReview > 0
        ? 'seen since the last approval'
        : profile.spec.seccomp === undefined
          ? 'nothing is approved yet'
          : 'denied or logged since the last approval',
      <a class="btn s" href={`/review/${key}`}>
        Review
        <Of what={line.name} />
      </a>
    ]
  }
}

/** Returns the commands for the first line of the list: they approve what its button does, not every call that was observed. */
function commandsOf(ui: Ui, first: WorkloadLine | undefined, derived: Derived): string[] {
  if (first === undefined) return ['secco get workloads -A']
  const { key, profile } = first
  const changes = changesOf(
    profile,
    new Map(),
    derived.undecided(profile),
    derived.byKey.get(emergencyLabel)
  )
  const obstacle = obstacleToProposal(ui, profile, proposalOf(profile, changes, derived))
  const approve = approvalCommand(profile, changes, obstacle !== undefined)
  return [`secco diff ${key}`, ...(approve === undefined ? [] : [approve])]
}

function render({ ui, query }: Call): View {
  const lines = ui.lines()
  const waiting = lines.filter((line) => line.toReview > 0)
  const first = lines.filter(
    ({ profile, observed }) => profile.spec.seccomp === undefined && observed > 0
  )
  const derived = derivedOf(ui.sources, ui.now())
  const isDenied = ({ profile }: WorkloadLine): boolean => {
    const { denied, logged } = reviewCounts(profile, derived.undecided(profile))
    return denied + logged > 0
  }
  const denied = lines.filter(
    (line) => line.toReview === 0 && line.profile.spec.seccomp !== undefined && isDenied(line)
  )
  const { items, ...place } = listPage([...denied, ...waiting, ...first], query['page'], perPage)
  return {
    title: 'Review',
    facts: [
      `${numberText(waiting.length)} with new calls`,
      `${numberText(denied.length)} with denied or logged calls only`,
      `${numberText(first.length)} never approved`
    ],
    body: (
      <>
        <section class="panel">
          {items.length === 0 ? (
            <EmptyBody
              what="Nothing waits for review."
              next="Calls that were observed, denied or logged, and never approved, turn up here."
            />
          ) : (
            <>
              <Table
                caption="To review"
                note="denied, logged and new calls of approved workloads first, then those that only learn"
                columns={['Workload · container', 'State', 'Change', 'Evidence', 'Why', 'Action']}
                rows={items.map((line) => rowOf(line, derived))}
                live="reviews"
              />
              <Pager {...place} what="workloads" href={(to) => `/review?page=${to}`} />
            </>
          )}
        </section>
        <CommandPanel texts={commandsOf(ui, items[0], derived)} />
      </>
    )
  }
}

export const reviewsPage: Page = {
  path: '/review',
  nav: 'Review',
  count: 'review',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
