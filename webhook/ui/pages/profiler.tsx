import type { VNode } from 'preact'
import { plural } from '../../../src/lib/plural.js'
import { quoted } from '../../../src/lib/shell-word.js'
import { entryInstances } from '../../../src/seccomp/review/counted-instances.js'
import { traceSummary, visibleTraces } from '../api/traces.js'
import type { Call } from '../model/context.js'
import { workloadHref } from '../model/derived.js'
import { mayTrace, pathOf } from '../model/profiler.js'
import type { InventoryItem } from '../model/inventory.js'
import type { WorkloadLine } from '../model/workloads.js'
import { ContainerPicker, PickerFilters, searched, type Wanted } from '../parts/container-picker.js'
import { listPage, numberText } from '../parts/format.js'
import { Moment } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { Command, CommandPanel, EmptyBody, Panel } from '../parts/panels.js'
import { containersOf, NothingToRecord } from './record-again.js'
import { Pager, Table } from '../parts/table.js'
import { WorkloadName } from '../parts/workload-table.js'

const perPage = 50
const mostTraces = 20

interface TracesProps {
  traces: readonly ReturnType<typeof traceSummary>[]
  page: string | undefined
  now: number
}

function Traces({ traces, page, now }: TracesProps): VNode {
  if (traces.length === 0)
    return <EmptyBody what="No trace yet." next="Choose a container and record it." />
  const { items, ...place } = listPage(traces, page, mostTraces)
  return (
    <>
      <Table
        caption="Traces"
        columns={[
          ...['Container', 'Started'],
          { title: 'Different calls', num: true },
          { title: 'Calls since then', num: true },
          'State'
        ]}
        rows={items.map((trace) => ({
          key: trace.id,
          cells: [
            <>
              <a href={`/profiler/${trace.id}`}>
                <bdi>{trace.container}</bdi>
              </a>
              <span class="sub">
                <bdi>{trace.path}</bdi> on {trace.node} by <bdi>{trace.by}</bdi>
              </span>
            </>,
            <Moment at={trace.startedAt} now={now} />,
            trace.since.distinct,
            numberText(trace.since.calls),
            trace.problem !== '' ? trace.problem : trace.ended ? 'stopped' : 'running'
          ]
        }))}
        live="traces"
      />
      <Pager {...place} what="traces" href={(to) => `/profiler?traces=${to}`} />
    </>
  )
}

interface LearningProps {
  lines: readonly WorkloadLine[]
  page: string | undefined
  now: number
}

function Learning({ lines, page, now }: LearningProps): VNode {
  if (lines.length === 0) {
    const next = 'A workload learns from its first container on, until somebody approves.'
    return <EmptyBody what="No workload is learning." next={next} />
  }
  const { items, ...place } = listPage(lines, page, perPage)
  return (
    <>
      <Table
        caption="Workloads that learn"
        note="observed by every node, without anybody starting anything"
        columns={[
          'Workload',
          { title: 'Observed', num: true },
          { title: 'Instances', num: true },
          'Last new call'
        ]}
        rows={items.map((line) => ({
          key: line.key,
          cells: [
            <WorkloadName line={line} href={workloadHref(line.key)} />,
            line.observed,
            entryInstances(line.profile).length,
            <Moment at={line.profile.status?.lastNew} now={now} never="unknown" />
          ]
        }))}
        live="learning"
      />
      <Pager {...place} what="workloads" href={(to) => `/profiler?learning=${to}`} />
    </>
  )
}

function PipelinePanel({ target }: { target: string }): VNode {
  return (
    <Panel id="h-until" title="Learn until confident" note="for a pipeline" body="stack">
      <p>
        Runs your tests, waits until the evidence is complete, and fails on calls that a baseline
        does not know.
      </p>
      <Command
        text={`secco learn ${target} --until-confident --fail-on-new baseline.json -- npm test`}
      />
    </Panel>
  )
}

/** Whether the person may start a trace in one of the namespaces. */
async function mayIn({ identity }: Call, namespaces: readonly string[]): Promise<boolean> {
  for (const namespace of namespaces) {
    if (await mayTrace(identity, 'trace', { namespace })) return true
  }
  return false
}

/** Returns the command that records the container that is chosen, or any. */
function commandOf(chosen: string, [first]: readonly InventoryItem[]): string {
  if (first !== undefined) return `secco trace ${quoted(pathOf(first))}`
  return chosen === '' ? 'secco trace NAMESPACE/POD' : `secco trace ${quoted(chosen)}`
}

/** Returns the containers of a namespace. */
const itemsIn = (
  groups: readonly { namespace: string; items: ReadonlyMap<string, InventoryItem> }[],
  namespace: string
): InventoryItem[] =>
  groups.flatMap((group) => (group.namespace === namespace ? [...group.items.values()] : []))

async function render(call: Call): Promise<View> {
  const { ui, query } = call
  const { container: chosen = '', q = '', namespace = '', state = '' } = query
  const containers = ui.sources.containers()
  const groups = [...(containers?.groups() ?? [])]
  const again = query['workload']
  const line = again === undefined ? undefined : ui.lines().find(({ key }) => key === again)
  const own = line === undefined ? [] : containersOf(itemsIn(groups, line.namespace), line)
  const wanted: Wanted = { q, namespace, state, chosen, own: new Set(own.map(({ key }) => key)) }
  const running = containers?.size() ?? 0
  const list = searched(groups, wanted)
  const namespaces = [...new Set(groups.map((group) => group.namespace))].sort()
  const may = await mayIn(call, namespaces)
  const traces = (await visibleTraces(call)).map(traceSummary)
  const learning = ui.lines().filter(({ profile }) => profile.spec.seccomp === undefined)
  return {
    title: 'Profiler',
    facts: [
      'the syscalls that a container makes now, counted in the kernel',
      plural(running, 'container')
    ],
    body: (
      <>
        <div class="cols even">
          <Panel id="h-pick" title="Record a container">
            {line !== undefined && own.length === 0 && (
              <NothingToRecord line={line} sources={ui.sources} />
            )}
            <PickerFilters wanted={wanted} namespaces={namespaces} />
            <ContainerPicker
              items={list}
              total={running}
              page={query['page']}
              wanted={wanted}
              may={may}
            />
          </Panel>
          <div class="stack">
            <section class="panel">
              <Traces traces={traces} page={query['traces']} now={ui.now()} />
            </section>
            <section class="panel">
              <Learning lines={learning} page={query['learning']} now={ui.now()} />
            </section>
            <PipelinePanel target={learning[0]?.key ?? 'NAMESPACE/NAME'} />
          </div>
        </div>
        <CommandPanel texts={[commandOf(chosen, own)]} />
      </>
    )
  }
}

export const profilerPage: Page = {
  path: '/profiler',
  live: true,
  nav: 'Profiler',
  // The list has what the person may see.
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
