import type { VNode } from 'preact'
import { rootNamespace } from '../../../src/api/names.js'
import { stateWords } from '../../../src/confinement/state.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { pinOf, pinWords } from '../../../src/confinement/pin.js'
import { plural } from '../../../src/lib/plural.js'
import {
  type ProfileSize,
  sizeOfProfile,
  sizeText
} from '../../../src/seccomp/review/profile-size.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { estimateText } from '../../../src/seccomp/review/completeness.js'
import type { HistoryLine } from '../../../src/history/history-lines.js'
import { type TrailEntry, trailOf } from '../../../src/seccomp/review/trail.js'
import { emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Review } from '../../../src/seccomp/review/review.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import { type DenialView, isOfDeleted } from '../../views/denial-view.js'
import type { Call, Ui } from '../model/context.js'
import { derivedOf, profileHref } from '../model/derived.js'
import { abiOf, type Area, gridOf } from '../model/grid.js'
import { heardOf } from '../model/instances.js'
import { plainTimes } from '../model/plain-times.js'
import { titleOf, type WorkloadLine } from '../model/workloads.js'
import { CallPanel } from '../parts/call-panel.js'
import { CurveView } from '../parts/curve-view.js'
import { BadEvidence, EvidenceList, UnseenPanel } from '../parts/evidence-view.js'
import { GridView } from '../parts/grid-view.js'
import { InstanceTable } from '../parts/instance-table.js'
import { DigestMark } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, Panel } from '../parts/panels.js'
import { Ladder } from '../parts/promote-view.js'
import { HistoryLines, HistoryPanel, NoApproval } from '../parts/history-view.js'
import {
  ArgumentPanel,
  EventRows,
  EventsPanel,
  PhasePanel,
  RiskPanel
} from '../parts/workload-parts.js'

const floor = runtimeDefaultNames()

/** Returns the line of the workload that the address names. @throws SeccoError NOT_FOUND */
export function mustFindLine({ ui, params }: Call): WorkloadLine {
  const key = `${params['namespace'] ?? ''}/${params['name'] ?? ''}`
  const line = ui.lines().find((each) => each.key === key)
  if (line !== undefined) return line
  throw new SeccoError('NOT_FOUND', `no workload is learned as ${key}`, {
    hint: 'choose one from the list of workloads; it appears when its first container is recorded'
  })
}

/** Everything that the panels of one workload show. */
interface Shown {
  call: Call
  line: WorkloadLine
  review: Review
  abi: Abi
  areas: readonly Area[]
  denials: readonly DenialView[]
  trail: readonly TrailEntry[]
  /** Undefined where no hub runs. */
  history: readonly HistoryLine[] | undefined
  mayDecide: boolean
  overlay: SeccompProfile | undefined
  size: ProfileSize
}

const cellsOf = ({ areas }: Shown) => areas.flatMap(({ cells }) => cells)

const eventsOf = ({ call, line }: Shown) =>
  call.ui.sources.discovery.of(line.namespace, line.profile.metadata.name).events

function curvePanel(shown: Shown): VNode {
  const { call, line, review } = shown
  const events = eventsOf(shown)
  const now = call.ui.now()
  const sinceStart = call.query['since'] === 'start'
  const { all } = review.estimate
  const { allows: approved } = shown.size
  const unseen = 'tooFew' in all ? undefined : all
  const note = (
    <>
      distinct syscalls over {sinceStart ? "time since each instance's start" : 'time, UTC'};{' '}
      <a href={`?since=${sinceStart ? 'clock' : 'start'}`}>
        {sinceStart ? 'by clock' : 'since each start'}
      </a>
    </>
  )
  return (
    <Panel id="h-curve" title="Discovery" note={note}>
      <div class="body" data-live="curve">
        <div data-key="curve">
          <CurveView
            curve={{ events, observed: line.observed, approved, unseen, sinceStart, now }}
            rows={<EventRows events={events} most={200} now={now} />}
          />
        </div>
      </div>
    </Panel>
  )
}

function OtherAbis({ shown: { line, abi } }: { shown: Shown }): VNode | null {
  const others = Object.entries(line.profile.status?.observed ?? {}).filter(
    ([each, names]) => each !== abi && names.length > 0
  )
  if (others.length === 0) return null
  return (
    <p class="small muted">
      Also seen through{' '}
      {others.map(([each, names]) => (
        <>
          <a href={`?abi=${each}`}>{`${each} (${names.length})`}</a>{' '}
        </>
      ))}
    </p>
  )
}

function gridRow(shown: Shown): VNode {
  const { call, line, abi, areas, denials, mayDecide } = shown
  const cells = cellsOf(shown)
  const cell = cells.find(({ name }) => name === call.query['call'])
  return (
    <div class="cols">
      <div data-live="grid" data-counts>
        <div data-key="grid">
          <GridView
            areas={areas}
            href={`?${abi === 'x86_64' ? '' : `abi=${abi}&`}call=`}
            chosen={cell?.name}
            abi={abi}
            runtimeDefault={cells.filter(({ name }) => floor.has(name)).length}
          />
          <OtherAbis shown={shown} />
        </div>
      </div>
      <div
        class="stack sticky dock"
        data-live="call"
        tabindex={0}
        role="region"
        aria-label="Details"
      >
        <CallPanel
          profile={line.profile}
          {...{ cell, abi, denials, mayDecide }}
          overlay={shown.overlay}
          now={call.ui.now()}
        />
      </div>
    </div>
  )
}

function bodyOf(shown: Shown): VNode {
  const { call, line, review } = shown
  const { profile, key } = line
  const { all } = review.estimate
  const now = call.ui.now()
  return (
    <>
      <BadEvidence evidence={review.evidence} />
      <div class="cols">
        <div class="stack">
          {curvePanel(shown)}
          <EventsPanel events={eventsOf(shown)} now={now} />
        </div>
        <div class="stack" data-live="evidence">
          <EvidenceList evidence={review.evidence} />
          <UnseenPanel estimate={all} text={estimateText(all)} />
        </div>
      </div>
      {gridRow(shown)}
      <div class="three" data-live="panels">
        <PhasePanel profile={profile} />
        <ArgumentPanel profile={profile} />
        <RiskPanel {...review} />
      </div>
      <div data-live="history">
        {shown.history === undefined ? (
          <HistoryPanel
            trail={shown.trail}
            now={now}
            none={<NoApproval profile={profile} builtin={false} />}
          />
        ) : (
          <HistoryLines lines={shown.history} profileKey={key} now={now} />
        )}
      </div>
      <InstanceTable
        profile={profile}
        heard={heardOf(profile, call.ui.sources)}
        page={call.query['instances']}
        now={now}
      />
      <CommandPanel
        texts={[
          `secco profile show ${key}`,
          `secco history ${key}`,
          `secco learn ${key} --until-confident -- YOUR TEST COMMAND`
        ]}
      />
    </>
  )
}

function actionsOf(ui: Ui, line: WorkloadLine): VNode {
  return (
    <>
      <Ladder line={line} assignment={ui.sources.assignment?.(line.profile)} />
      <a class="btn" href={`/profiler?workload=${encodeURIComponent(line.key)}`}>
        Record again
      </a>
      <a class="btn primary" href={`/review/${line.key}`}>
        Review{line.toReview > 0 && ` ${line.toReview} new`}
      </a>
    </>
  )
}

/** Returns how its containers are confined, in words: `2 containers: 1 unconfined, 1 enforced`, or `2 containers: audit`. */
function containersText({ containers, states }: WorkloadLine): string {
  const total = plural(containers, 'container')
  const [only, ...more] = states
  if (only === undefined) return total
  if (more.length === 0) return `${total}: ${stateWords[only.state]}`
  return `${total}: ${states.map((one) => `${one.containers} ${stateWords[one.state]}`).join(', ')}`
}

/** The score is that of the profile: what has none approved does not run under it. */
const riskText = ({ of, score }: NonNullable<Review['risk']>) =>
  of === 'approved' ? `risk ${score}` : `risk ${score} if approved as observed`

async function render(call: Call): Promise<View> {
  const { ui, identity, params, query } = call
  const line = mustFindLine(call)
  const { profile, key } = line
  const derived = derivedOf(ui.sources, ui.now())
  const review = derived.review(profile)
  const { counts } = ui.sources.discovery.of(line.namespace, profile.metadata.name)
  const denials = ui.sources
    .denials()
    .filter((one) => !isOfDeleted(one) && `${one.namespace}/${one.profile}` === key)
  const abi = abiOf(profile, query['abi'])
  const result = derived.rendering(profile)
  const areas = gridOf({ profile, abi, result, counts, denials })
  const size = sizeOfProfile(profile, result.rendering?.seccomp)
  const { namespace, name } = params
  const history = await ui.sources.history?.(
    line.namespace,
    profile.metadata.name,
    await identity.can('list', 'seccompprofiles', rootNamespace)
  )
  const overlay = derived.byKey.get(emergencyLabel)
  const mayDecide = await identity.can('approve', 'seccompprofiles', namespace, name)
  const { revision, nodes } = profile.status ?? {}
  const pin = pinOf(profile)
  return {
    title: titleOf(line),
    crumbs: [
      { text: 'Fleet', href: '/' },
      { text: line.namespace, href: `/workloads?namespace=${encodeURIComponent(line.namespace)}` },
      { text: `${line.kind} ${line.name}` }
    ],
    facts: [
      containersText(line),
      <>
        {pin === undefined ? 'revision ' : `new pods ${plainTimes(pinWords(pin))}: `}
        <DigestMark digest={revision} />
        {nodes !== undefined && ` on ${nodes.ready} of ${plural(nodes.total, 'node')}`}
      </>,
      review.risk === undefined
        ? 'risk not known'
        : `${riskText(review.risk)} (RuntimeDefault ${review.risk.runtimeDefault})`,
      sizeText(size),
      <a href={profileHref(key)}>profile</a>
    ],
    actions: actionsOf(ui, line),
    body: bodyOf({
      ...{ call, line, review, abi, areas, denials, history, mayDecide },
      ...{ size, overlay, trail: trailOf(profile, overlay) }
    })
  }
}

export const workloadPage: Page = {
  path: '/workloads/:namespace/:name',
  live: true,
  under: '/workloads',
  needs: { verb: 'get', resource: 'seccompprofiles' },
  render
}
