import type { VNode } from 'preact'
import { SeccoError } from '../../../src/lib/errors.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { diffReport } from '../../../src/seccomp/review/diff-report.js'
import { seccompOfSet } from '../../../src/seccomp/review/observed-sides.js'
import { objectNameOf } from '../../hub/nodes/workload.js'
import { setOfTrace, traceView } from '../api/traces.js'
import type { Call } from '../model/context.js'
import { derivedOf } from '../model/derived.js'
import type { RunningTrace } from '../model/profiler.js'
import { DiffView } from '../parts/diff-view.js'
import { ageText, countText, numberText } from '../parts/format.js'
import { ActionForm, FormError, TextField } from '../parts/forms.js'
import { RiskLevel, Tag } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { Command, EmptyBody, EmptyPanel, Figure, Panel } from '../parts/panels.js'
import { type Row, Table } from '../parts/table.js'
import { sinceText } from './profiler.js'

const mostRows = 100
/** The first counts hold what was there when the trace began. */
const atOnceMs = 2000
const recentMs = 60_000
const floor = runtimeDefaultNames()

/** Everything that the page shows of one trace. */
interface Shown {
  found: RunningTrace
  trace: ReturnType<typeof traceView>
  may: boolean
  now: number
}

type Counted = Shown['trace']['syscalls'][number]

const sinceStart = ({ found }: Shown, { firstSeen }: Counted) =>
  Date.parse(firstSeen) - found.startedAt

const isNew = (shown: Shown, call: Counted) => sinceStart(shown, call) >= atOnceMs

function rowOf(shown: Shown, call: Counted): Row {
  const share = (100 * call.count) / Math.max(1, shown.trace.calls)
  return {
    key: `${call.abi} ${call.name}`,
    cells: [
      <>
        <span class="mono">{call.name}</span>
        {call.abi !== 'x86_64' && <span class="sub">{call.abi}</span>}
      </>,
      countText(call.count),
      isNew(shown, call) ? (
        `after ${ageText(sinceStart(shown, call))}`
      ) : (
        <span class="muted">at the start</span>
      ),
      `${share.toFixed(1)} %`,
      <RiskLevel risk={riskOf(call.name)} brief />,
      floor.has(call.name) ? 'allows it' : 'denies it'
    ]
  }
}

function countsTable(shown: Shown): VNode {
  const { syscalls } = shown.trace
  if (syscalls.length === 0) {
    const next = 'Let the container do something: counts come once a second.'
    return <EmptyBody what="Nothing was counted yet." next={next} />
  }
  return (
    <Table
      caption="Calls"
      note="most frequent first, exact"
      columns={[
        'Syscall',
        { title: 'Calls', num: true },
        'First seen',
        { title: 'Share', num: true },
        ...['Risk', 'RuntimeDefault']
      ]}
      rows={syscalls.slice(0, mostRows).map((call) => rowOf(shown, call))}
      live="calls"
      footer={syscalls.length > mostRows ? `and ${syscalls.length - mostRows} more` : undefined}
    />
  )
}

function figures(shown: Shown): VNode {
  const { trace, now } = shown
  const recent = trace.syscalls.filter(
    (call) => isNew(shown, call) && now - Date.parse(call.firstSeen) < recentMs
  )
  const beyond = trace.syscalls.filter(({ name }) => !floor.has(name)).length
  return (
    <section class="panel" aria-label="Figures">
      <dl class="counters" data-live="figures" data-poll={trace.ended ? '' : 'yes'}>
        <Figure term="Different calls" value={trace.distinct} />
        <Figure term="Calls" value={countText(trace.calls)} />
        <Figure term="New in the last minute" value={recent.length} />
        <Figure term="Beyond RuntimeDefault" value={beyond} />
        <Figure term="Lost" value={numberText(trace.lost)} />
      </dl>
    </section>
  )
}

function keepPanel({ trace, may }: Shown, name: string, exists: boolean): VNode {
  if (!trace.ended) {
    const next = 'What was counted becomes observations of a profile; nothing is approved by that.'
    return <EmptyPanel what="Stop it to make a profile." next={next} />
  }
  return (
    <Panel id="h-keep" title="Keep it">
      {may && (
        <ActionForm
          class="body stack"
          url={`/api/v1/traces/${trace.id}/profile`}
          then="/review/:namespace/:name"
        >
          <TextField name="namespace" label="Namespace" value="default" required />
          <TextField name="name" label="Profile" value={name} required />
          <p class="small muted">
            {exists ? 'The profile exists: its observations grow.' : 'The profile is new.'} Nothing
            is approved by this.
          </p>
          <FormError />
          <button class="btn primary" type="submit">
            Make a profile and review it
          </button>
        </ActionForm>
      )}
    </Panel>
  )
}

function StateMark({ trace }: Pick<Shown, 'trace'>): VNode {
  if (trace.problem !== '') return <Tag text={trace.problem} tone="bad" shape="x" />
  if (trace.ended) return <Tag text="stopped" shape="none" />
  return <span class="live rec">recording</span>
}

function StopForm({ id }: { id: string }): VNode {
  return (
    <ActionForm class="inline" url={`/api/v1/traces/${id}/stop`} then="reload">
      <button class="btn danger" type="submit">
        Stop
      </button>
    </ActionForm>
  )
}

async function render({ ui, identity, params }: Call): Promise<View> {
  const found = ui.profiler?.find(params['id'] ?? '')
  if (found === undefined)
    throw new SeccoError('NOT_FOUND', 'this trace is forgotten', {
      hint: 'start another from the profiler'
    })
  const trace = traceView(found)
  const may = await identity.can('trace', 'containers')
  const shown: Shown = { found, trace, may, now: ui.now() }
  const name = objectNameOf(trace.container)
  const key = `default/${name}`
  const profile = derivedOf(ui.sources, ui.now()).byKey.get(key)
  const before = trace.ended ? profile?.spec.seccomp : undefined
  const after = { label: 'this trace', seccomp: seccompOfSet(setOfTrace(found.update)) }
  return {
    title: trace.container,
    crumbs: [{ text: 'Profiler', href: '/profiler' }, { text: `trace ${trace.id}` }],
    facts: [
      <StateMark trace={trace} />,
      `started ${ageText(ui.now() - found.startedAt)} ago by ${trace.by}`,
      sinceText(trace.complete)
    ],
    actions: !trace.ended && may && <StopForm id={trace.id} />,
    body: (
      <>
        {figures(shown)}
        <div class="cols">
          <section class="panel">{countsTable(shown)}</section>
          <div class="stack">
            <div data-live="keep">{keepPanel(shown, name, profile !== undefined)}</div>
            <Panel id="h-cli" title="The same on the command line" body="stack tight">
              <Command text={`secco trace ${trace.container}`} />
              <Command text={`secco trace ${trace.container} -o profile`} />
            </Panel>
          </div>
        </div>
        {before !== undefined && (
          <DiffView report={diffReport({ label: `${key} as approved`, seccomp: before }, after)} />
        )}
      </>
    )
  }
}

export const tracePage: Page = {
  path: '/profiler/:id',
  under: '/profiler',
  needs: { verb: 'get', resource: 'containers' },
  render
}
