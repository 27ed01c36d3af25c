import type { VNode } from 'preact'
import { plural } from '../../../src/lib/plural.js'
import { traceSummary, visibleTraces } from '../api/traces.js'
import type { Call } from '../model/context.js'
import { workloadHref } from '../model/derived.js'
import { mayTrace } from '../model/profiler.js'
import type { WorkloadLine } from '../model/workloads.js'
import { ContainerPicker, PickerFilters, searched, type Wanted } from '../parts/container-picker.js'
import { listPage, numberText } from '../parts/format.js'
import { Moment } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { Command, CommandPanel, EmptyBody, Panel } from '../parts/panels.js'
import { Pager, Table } from '../parts/table.js'
import { WorkloadName } from '../parts/workload-table.js'

const perPage = 50
const mostTraces = 20

/** Words for whether a container was seen from its first instruction. */
export const sinceText = (complete: boolean) =>
  complete ? 'seen from its first instruction' : 'first seen while it ran'

function Traces(props: { traces: readonly ReturnType<typeof traceSummary>[]; now: number }): VNode {
  const { traces, now } = props
  if (traces.length === 0)
    return <EmptyBody what="No trace yet." next="Choose a container and record it." />
  return (
    <Table
      caption="Traces"
      columns={[
        ...['Container', 'Started'],
        { title: 'Different calls', num: true },
        { title: 'Calls since then', num: true },
        'State'
      ]}
      rows={traces.slice(0, mostTraces).map((trace) => ({
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
            (line.profile.status?.instances ?? []).length,
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

async function render(call: Call): Promise<View> {
  const { ui, query } = call
  const { container: chosen = '', q = '', namespace = '', state = '' } = query
  const wanted: Wanted = { q, namespace, state, chosen }
  const containers = ui.sources.containers()
  const groups = [...(containers?.groups() ?? [])]
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
        <div class="cols equal">
          <Panel id="h-pick" title="Record a container">
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
              <Traces traces={traces} now={ui.now()} />
            </section>
            <section class="panel">
              <Learning lines={learning} page={query['learning']} now={ui.now()} />
            </section>
            <PipelinePanel target={learning[0]?.key ?? 'NAMESPACE/NAME'} />
          </div>
        </div>
        <CommandPanel
          texts={[chosen === '' ? 'secco trace NAMESPACE/POD' : `secco trace ${chosen}`]}
        />
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
