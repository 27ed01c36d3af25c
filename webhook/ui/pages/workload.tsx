import type { VNode } from 'preact'
import { rootNamespace } from '../../../src/api/names.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { plural } from '../../../src/lib/plural.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { estimateText } from '../../../src/seccomp/review/completeness.js'
import type { HistoryLine } from '../../../src/history/history-lines.js'
import type { Review } from '../../../src/seccomp/review/review.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import type { DenialView } from '../../views/denial-view.js'
import type { Call } from '../model/context.js'
import { derivedOf, profileHref } from '../model/derived.js'
import { abiOf, type Area, gridOf } from '../model/grid.js'
import { titleOf, type WorkloadLine } from '../model/workloads.js'
import { CallPanel } from '../parts/call-panel.js'
import { CurveView } from '../parts/curve-view.js'
import { EvidenceList, UnseenPanel } from '../parts/evidence-view.js'
import { GridView } from '../parts/grid-view.js'
import { InstanceTable } from '../parts/instance-table.js'
import { DigestMark, Ladder } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, Panel } from '../parts/panels.js'
import {
  ArgumentPanel,
  EventRows,
  EventsPanel,
  HistoryLines,
  HistoryPanel,
  PhasePanel,
  RiskPanel
} from '../parts/workload-parts.js'

const mostEvents = 200
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
  /** Undefined where no hub runs. */
  history: readonly HistoryLine[] | undefined
  mayDecide: boolean
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
  const allowed = cellsOf(shown).filter((each) => each.allowed).length
  const approved = line.profile.spec.seccomp === undefined ? undefined : allowed
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
            curve={{ events, approved, unseen, sinceStart, now }}
            rows={<EventRows events={events} most={mostEvents} now={now} />}
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
      <div data-live="grid">
        <div data-key="grid">
          <GridView
            areas={areas}
            href={`?${abi === 'x86_64' ? '' : `abi=${abi}&`}call=`}
            chosen={cell?.name}
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
          cell={cell}
          abi={abi}
          denials={denials}
          mayDecide={mayDecide}
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
          <HistoryPanel profile={profile} now={now} />
        ) : (
          <HistoryLines lines={shown.history} profileKey={key} now={now} />
        )}
      </div>
      <InstanceTable profile={profile} page={call.query['instances']} now={now} />
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

function actionsOf(line: WorkloadLine): VNode {
  return (
    <>
      <Ladder now={line.mode} />
      <a class="btn" href={`/profiler?container=${encodeURIComponent(line.name)}`}>
        Record again
      </a>
      <a class="btn primary" href={`/review/${line.key}`}>
        Review{line.toReview > 0 && ` ${line.toReview} new`}
      </a>
    </>
  )
}

async function render(call: Call): Promise<View> {
  const { ui, identity, params, query } = call
  const line = mustFindLine(call)
  const { profile, key } = line
  const derived = derivedOf(ui.sources, ui.now())
  const review = derived.review(profile)
  const { counts } = ui.sources.discovery.of(line.namespace, profile.metadata.name)
  const denials = ui.sources.denials().filter((one) => `${one.namespace}/${one.profile}` === key)
  const abi = abiOf(profile, query['abi'])
  const areas = gridOf({ profile, abi, result: derived.rendering(profile), counts, denials })
  const { namespace, name } = params
  const history = await ui.sources.history?.(
    line.namespace,
    profile.metadata.name,
    await identity.can('list', 'seccompprofiles', rootNamespace)
  )
  const mayDecide = await identity.can('approve', 'seccompprofiles', namespace, name)
  const { revision, nodes } = profile.status ?? {}
  return {
    title: titleOf(line),
    crumbs: [
      { text: 'Fleet', href: '/' },
      { text: line.namespace, href: `/workloads?namespace=${encodeURIComponent(line.namespace)}` },
      { text: `${line.kind} ${line.name}` }
    ],
    facts: [
      plural(line.containers, 'container'),
      <>
        revision <DigestMark digest={revision} />
        {nodes !== undefined && ` on ${nodes.ready} of ${plural(nodes.total, 'node')}`}
      </>,
      review.risk === undefined
        ? 'risk not known'
        : `risk ${review.risk.score} (RuntimeDefault ${review.risk.runtimeDefault})`,
      <a href={profileHref(key)}>profile</a>
    ],
    actions: actionsOf(line),
    body: bodyOf({ ...{ call, line, review, abi, areas, denials }, history, mayDecide })
  }
}

export const workloadPage: Page = {
  path: '/workloads/:namespace/:name',
  live: true,
  under: '/workloads',
  needs: { verb: 'get', resource: 'seccompprofiles' },
  render
}
