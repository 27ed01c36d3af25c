import type { VNode } from 'preact'
import { toSeccoError } from '../../../src/lib/errors.js'
import { plural } from '../../../src/lib/plural.js'
import { traceView } from '../api/traces.js'
import type { Call } from '../model/context.js'
import { workloadHref } from '../model/derived.js'
import type { WorkloadLine } from '../model/workloads.js'
import { listPage, numberText } from '../parts/format.js'
import { ActionForm, FormError } from '../parts/forms.js'
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

interface Candidate {
  name: string
  note: string
}

/** Lists the running containers of this machine's satellite, or the problem with asking it. */
async function candidatesOf({ ui }: Call): Promise<{ list: Candidate[]; problem: string }> {
  if (ui.profiler === undefined) {
    const problem =
      'No satellite runs on the machine of this hub: trace on the node, or read what satellites upload.'
    return { list: [], problem }
  }
  try {
    const containers = await ui.profiler.containers()
    const running = containers.filter(({ ended, container }) => !ended && container !== '')
    const list = running.map(({ container, abis, complete }) => {
      const calls = abis.reduce((sum, { counts }) => sum + Object.keys(counts).length, 0)
      return { name: container, note: `${calls} different calls so far, ${sinceText(complete)}` }
    })
    return { list: [...new Map(list.map((one) => [one.name, one])).values()], problem: '' }
  } catch (error) {
    return { list: [], problem: toSeccoError(error).message }
  }
}

function StartForm(): VNode {
  return (
    <div class="body stack">
      <label class="field">
        Stop by itself after
        <select name="seconds" data-kind="number">
          <option value="0">never: I stop it</option>
          <option value="30">30 seconds</option>
          <option value="300">5 minutes</option>
          <option value="3600">1 hour</option>
        </select>
      </label>
      <FormError />
      <button class="btn primary" type="submit">
        Start
      </button>
    </div>
  )
}

interface PickProps {
  list: readonly Candidate[]
  problem: string
  chosen: string
  may: boolean
}

function Pick({ list, problem, chosen, may }: PickProps): VNode {
  if (list.length === 0) {
    return problem === '' ? (
      <EmptyBody
        what="No container is running here."
        next="Start one: it is recorded from its first instruction."
      />
    ) : (
      <EmptyBody what="There is nothing to pick from." next={problem} />
    )
  }
  const isChosen = (name: string) => name === chosen || (chosen === '' && list.length === 1)
  return (
    <ActionForm url="/api/v1/traces" then="/profiler/:id">
      <ul class="pick" data-live="pick">
        {list.map(({ name, note }) => (
          <li data-key={name}>
            <label>
              <input type="radio" name="container" value={name} checked={isChosen(name)} required />
              <span>
                <span class="strong">
                  <bdi>{name}</bdi>
                </span>
                <span class="sub">{note}</span>
              </span>
            </label>
          </li>
        ))}
      </ul>
      {may ? (
        <StartForm />
      ) : (
        <div class="body">
          <p class="muted">You may look, not record.</p>
        </div>
      )}
    </ActionForm>
  )
}

function Traces(props: { traces: readonly ReturnType<typeof traceView>[]; now: number }): VNode {
  const { traces, now } = props
  if (traces.length === 0)
    return <EmptyBody what="No trace yet." next="Pick a container and start." />
  return (
    <Table
      caption="Traces"
      columns={[
        ...['Container', 'Started'],
        { title: 'Different calls', num: true },
        { title: 'Calls', num: true },
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
              by <bdi>{trace.by}</bdi>
            </span>
          </>,
          <Moment at={trace.startedAt} now={now} />,
          trace.distinct,
          numberText(trace.calls),
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
      <Pager {...place} what="workloads" href={(to) => `/profiler?page=${to}`} />
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

async function render(call: Call): Promise<View> {
  const { ui, identity, query } = call
  const { container: chosen = '' } = query
  const { list, problem } = await candidatesOf(call)
  const may = await identity.can('trace', 'containers')
  const traces = (ui.profiler?.list() ?? []).map(traceView).reverse()
  const learning = ui.lines().filter(({ profile }) => profile.spec.seccomp === undefined)
  return {
    title: 'Profiler',
    facts: [
      'what a container asks for right now, counted in the kernel',
      `${plural(list.length, 'container')} here`
    ],
    body: (
      <>
        <div class="cols first">
          <Panel id="h-pick" title="Record a container">
            <Pick list={list} problem={problem} chosen={chosen} may={may} />
          </Panel>
          <div class="stack">
            <section class="panel">
              <Traces traces={traces} now={ui.now()} />
            </section>
            <section class="panel">
              <Learning lines={learning} page={query['page']} now={ui.now()} />
            </section>
            <PipelinePanel target={learning[0]?.key ?? 'NAMESPACE/NAME'} />
          </div>
        </div>
        <CommandPanel texts={[chosen === '' ? 'secco trace CONTAINER' : `secco trace ${chosen}`]} />
      </>
    )
  }
}

export const profilerPage: Page = {
  path: '/profiler',
  nav: 'Profiler',
  needs: { verb: 'list', resource: 'containers' },
  render
}
