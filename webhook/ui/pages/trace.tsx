import type { VNode } from 'preact'
import { countedSinceText, sinceText } from '../../../src/confinement/since-text.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { plural } from '../../../src/lib/plural.js'
import { capitalised } from '../../../src/lib/printed-commands.js'
import { ofThemDenied } from '../../../src/seccomp/import/trace-denials.js'
import { auditOnlyWords } from '../../../src/seccomp/review/denied-calls.js'
import { diffReport } from '../../../src/seccomp/review/diff-report.js'
import { seccompOfSet } from '../../../src/seccomp/review/observed-sides.js'
import { objectNameOf } from '../../../src/rules/object-name.js'
import { leftOutOfTrace, mustFind, setOfTrace, traceView } from '../api/traces.js'
import type { Call } from '../model/context.js'
import { derivedOf } from '../model/derived.js'
import type { RunningTrace } from '../../hub/traces/trace.js'
import { mayTrace, pathOf } from '../model/profiler.js'
import { DiffView } from '../parts/diff-view.js'
import { ageText, countText, numberText } from '../parts/format.js'
import { ActionForm, FormError, TextField } from '../parts/forms.js'
import { RiskLevel, Tag } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { Command, EmptyBody, EmptyPanel, Figure, Panel } from '../parts/panels.js'
import { type Row, Table } from '../parts/table.js'
import { RateView } from '../parts/small-figures.js'

const mostRows = 100
const recentMs = 60_000
const floor = runtimeDefaultNames()

/** Shown has everything that the page shows of one trace. */
interface Shown {
  found: RunningTrace
  trace: ReturnType<typeof traceView>
  may: boolean
  now: number
}

type Counted = Shown['trace']['syscalls'][number]

const rateText = (rate: number) => (rate < 10 ? rate.toFixed(1) : countText(Math.round(rate)))

const sinceStart = ({ found }: Shown, { firstSeen }: Counted) =>
  Date.parse(firstSeen) - found.startedAt

/** Marks what a filter did with a call, in words and colour. */
function DenialMark({ trace, call }: { trace: Shown['trace']; call: Counted }): VNode | null {
  const { name, denied, expected } = call
  if (denied > 0) {
    const text = `denied ${plural(denied, 'time')}${expected ? ' on purpose' : ''}`
    return <Tag text={`× ${text}`} tone={expected ? '' : 'bad'} />
  }
  return trace.denied.some(({ syscall }) => syscall === name) ? (
    <Tag text={auditOnlyWords} tone="warn" />
  ) : null
}

function rowOf(shown: Shown, call: Counted): Row {
  return {
    key: `${call.abi} ${call.name}`,
    attention: call.denied > 0 && !call.expected ? 'bad' : '',
    cells: [
      <>
        <span class="mono">{call.name}</span>
        {call.abi !== 'x86_64' && <span class="sub">{call.abi}</span>}{' '}
        <DenialMark trace={shown.trace} call={call} />
      </>,
      countText(call.since),
      countText(call.total),
      call.rate === 0 ? <span class="muted">0</span> : rateText(call.rate),
      call.before ? (
        <span class="muted">before the start</span>
      ) : (
        `after ${ageText(sinceStart(shown, call))}`
      ),
      <RiskLevel risk={riskOf(call.name)} brief />,
      floor.has(call.name) ? 'allows it' : 'denies it'
    ]
  }
}

const countsNote =
  'exact counts of this container, denied calls included, most frequent since the start first; ' +
  'a review says what nodes reported: at least so often'

function countsTable(shown: Shown): VNode {
  const { syscalls } = shown.trace
  if (syscalls.length === 0) {
    const next = 'Let the container do something: counts come twice a second.'
    return <EmptyBody what="Nothing was counted yet." next={next} />
  }
  return (
    <Table
      caption="Calls"
      note={countsNote}
      columns={[
        'Syscall',
        { title: 'Since the start', num: true },
        { title: capitalised(countedSinceText(shown.trace.complete)), num: true },
        { title: 'Per second', num: true },
        ...['First seen', 'Risk', 'RuntimeDefault']
      ]}
      rows={syscalls.slice(0, mostRows).map((call) => rowOf(shown, call))}
      live="calls"
      footer={syscalls.length > mostRows ? `and ${syscalls.length - mostRows} more` : undefined}
    />
  )
}

function figures(shown: Shown): VNode {
  const { trace, now } = shown
  const since = countedSinceText(trace.complete)
  const made = ofThemDenied(trace.total.denied)
  const recent = trace.syscalls.filter(
    (call) => !call.before && now - Date.parse(call.firstSeen) < recentMs
  )
  const beyond = trace.syscalls.filter(({ name }) => !floor.has(name)).length
  return (
    <section class="panel" aria-label="Figures">
      <dl class="counters" data-live="figures">
        <Figure
          term="Calls since the start"
          value={countText(trace.since.calls)}
          note={`${countText(trace.total.calls)} ${since}${made === '' ? '' : `, ${made}`}`}
        />
        <Figure
          term="Different calls"
          value={trace.since.distinct}
          note={`${trace.total.distinct} ${since}`}
        />
        <Figure term="Calls per second" value={rateText(trace.rate)} />
        <Figure
          term="New in the last minute"
          value={recent.length}
          note={`${beyond} beyond RuntimeDefault`}
        />
        <Figure term="Lost" value={numberText(trace.lost)} />
      </dl>
      <div class="body" data-live="rate">
        <RateView rates={trace.rates} />
      </div>
    </section>
  )
}

/** Returns the profile that the container learns into, or one with the container's name. */
function profileOf({ profile, namespace, container }: Shown['trace']): [string, string] {
  const [space, name] = profile.split('/')
  if (space !== undefined && name !== undefined) return [space, name]
  return [namespace === '' ? 'default' : namespace, objectNameOf(container)]
}

/** Says which calls are not kept. */
function LeftOut({ found }: Pick<Shown, 'found'>): VNode | null {
  const names = leftOutOfTrace(found)
  if (names.length === 0) return null
  return (
    <p class="small">
      <Tag text="× denied, not kept" tone="bad" /> <span class="mono">{names.join(', ')}</span>
    </p>
  )
}

function keepPanel({ found, trace, may }: Shown, exists: boolean): VNode {
  const [namespace, name] = profileOf(trace)
  if (!trace.ended) {
    const next =
      'What was counted becomes observations of a profile, without denied calls; nothing is approved by that.'
    return <EmptyPanel what="Stop it to make a profile." next={next} />
  }
  if (!may) {
    const next = 'You may view this trace but not make a profile of it.'
    return <EmptyPanel what="Keeping it is for who may trace." next={next} />
  }
  return (
    <Panel id="h-keep" title="Keep it">
      <ActionForm
        class="body stack"
        url={`/api/v1/traces/${trace.id}/profile`}
        then="/review/:namespace/:name"
      >
        <TextField name="namespace" label="Namespace" value={namespace} required />
        <TextField name="name" label="Profile" value={name} required />
        <LeftOut found={found} />
        <p class="small muted">
          {exists ? 'The profile exists: its observations grow.' : 'The profile is new.'} Nothing is
          approved by this.
        </p>
        <FormError />
        <button class="btn primary" type="submit">
          Make a profile and review it
        </button>
      </ActionForm>
    </Panel>
  )
}

/** Names what is kept as a side of a comparison. */
function keptLabel(found: RunningTrace): string {
  const denied = leftOutOfTrace(found).length
  return denied === 0 ? 'this trace' : `this trace without ${plural(denied, 'denied call')}`
}

function StateMark({ trace }: Pick<Shown, 'trace'>): VNode {
  if (!trace.ended && !trace.connected) {
    return <Tag text={`waiting for ${trace.node}`} tone="warn" shape="open" />
  }
  if (trace.problem !== '') return <Tag text={trace.problem} tone="bad" shape="x" />
  if (trace.ended) return <Tag text="stopped" shape="none" />
  return <span class="live rec">recording</span>
}

function Place({ trace }: Pick<Shown, 'trace'>): VNode {
  const { namespace, pod, node, image } = trace
  const parts = [pod === '' ? namespace : `${namespace}/${pod}`, `on ${node}`, image]
  return <bdi>{parts.filter((part) => part !== '').join(' · ')}</bdi>
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

async function render(call: Call): Promise<View> {
  const { ui, identity } = call
  const found = await mustFind(call, 'get')
  const trace = traceView(found)
  const may = await mayTrace(identity, 'trace', found.target)
  const shown: Shown = { found, trace, may, now: ui.now() }
  const key = profileOf(trace).join('/')
  const profile = derivedOf(ui.sources, ui.now()).byKey.get(key)
  const before = trace.ended ? profile?.spec.seccomp : undefined
  const after = { label: keptLabel(found), seccomp: seccompOfSet(setOfTrace(found)) }
  const path = pathOf(found.target)
  return {
    title: trace.container,
    crumbs: [{ text: 'Profiler', href: '/profiler' }, { text: `trace ${trace.id}` }],
    facts: [
      <StateMark trace={trace} />,
      <Place trace={trace} />,
      `started ${ageText(ui.now() - found.startedAt)} ago by ${trace.by}`,
      sinceText(trace.complete)
    ],
    actions: !trace.ended && may && <StopForm id={trace.id} />,
    body: (
      <>
        {!trace.ended && (
          <span hidden data-follow={`/api/v1/traces/${trace.id}/stream?brief=true`} />
        )}
        {figures(shown)}
        <div class="cols">
          <section class="panel">{countsTable(shown)}</section>
          <div class="stack">
            <div data-live="keep">{keepPanel(shown, profile !== undefined)}</div>
            <Panel id="h-cli" title="The same on the command line" body="stack tight">
              <Command text={`secco trace ${path}`} />
              <Command text={`secco trace ${path} -o profile`} />
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
  // The right is checked in the namespace of the trace's container.
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
