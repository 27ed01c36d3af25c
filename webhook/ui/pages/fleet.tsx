import type { VNode } from 'preact'
import {
  type DenialView,
  groupDenials,
  isLogged,
  isOpen,
  openCalls
} from '../../views/denial-view.js'
import { lostText, type NodeView } from '../../views/view.js'
import type { Call, Ui } from '../model/context.js'
import { derivedOf } from '../model/derived.js'
import {
  countStates,
  runtimeDefaultScore,
  type StateCounts,
  type Todo,
  todosOf
} from '../model/fleet.js'
import { detailOf, type Needs, needsOf, waitingOf } from '../model/workloads.js'
import { decidedText } from '../model/unconfined.js'
import { StateBar } from '../parts/small-figures.js'
import { clockText, counted, numberText } from '../parts/format.js'
import { Icon, type Shape } from '../parts/icons.js'
import { Of } from '../parts/forms.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyBody, Figure, InlineCommand, Panel, Sentence } from '../parts/panels.js'
import { Tour } from '../parts/tour-view.js'
import { WorkloadTable } from '../parts/workload-table.js'

const shown = 10
const mostTodo = 7

const todoMarks: Readonly<Record<Todo['kind'], readonly [Shape, 'warn' | 'bad']>> = {
  unconfined: ['unconfined', 'bad'],
  drift: ['drift', 'bad'],
  unprotected: ['unconfined', 'bad'],
  denied: ['x', 'bad'],
  logged: ['open', 'warn'],
  node: ['drift', 'warn'],
  review: ['open', 'warn']
}

function TodoLine({ kind, title, detail, href, verb }: Todo): VNode {
  const [shape, tone] = todoMarks[kind]
  return (
    <li>
      <Icon name={shape} tone={tone} />
      <div>
        <span class="strong">
          <bdi>{title}</bdi>
        </span>
        <p>
          <bdi>
            <Sentence text={detail} />
          </bdi>
        </p>
      </div>
      <a class="btn s" href={href}>
        {verb}
        <Of what={title} />
      </a>
    </li>
  )
}

function TodoList({ todos, needs }: { todos: readonly Todo[]; needs: Needs }): VNode {
  if (todos.length === 0) {
    const decided = decidedText(needs.decided)
    return (
      <EmptyBody
        what={decided === '' ? 'Nothing waits for you.' : `Nothing waits for you; ${decided}.`}
        next="Denials, drift and calls to review turn up here."
      />
    )
  }
  return (
    <>
      <ul class="todo">
        {todos.slice(0, mostTodo).map((todo) => (
          <TodoLine {...todo} />
        ))}
      </ul>
      {todos.length > mostTodo && (
        <footer>
          and {todos.length - mostTodo} more: <a href="/denials">denials</a>,{' '}
          <a href="/review">review</a>, <a href="/nodes">nodes</a> and{' '}
          <a href="/nodes?q=unconfined#containers">unconfined containers</a>
        </footer>
      )}
    </>
  )
}

function StatePanel({ counts, real }: StateCounts): VNode {
  return (
    <Panel
      id="h-state"
      title={real ? 'What is really enforced' : 'What was decided'}
      note={
        real
          ? 'read from the kernel of every node, not from pod specs'
          : 'from rules and profiles: satellites do not report kernels yet'
      }
    >
      <div class="body stack" data-live="bar">
        <div class="stack" data-key="bar">
          <StateBar counts={counts} what="containers" />
        </div>
      </div>
    </Panel>
  )
}

/** Counts the approved profiles, and those of them that every node has. */
function delivered(ui: Ui): { approved: number; ready: number } {
  const approved = ui.lines().filter(({ profile }) => profile.spec.seccomp !== undefined)
  const ready = approved.filter(({ profile: { status } }) => {
    const { ready = 0, total = 0 } = status?.nodes ?? {}
    return total > 0 && ready === total
  })
  return { approved: approved.length, ready: ready.length }
}

function knownSinceText({ sources }: Ui): string {
  const since = sources.denialsKnownSince()
  return since === undefined
    ? 'not reported here'
    : `known since ${since.slice(0, 10)} ${since.slice(11, 16)} UTC`
}

/** Counts the lines of the page of denials by what was decided about them. */
function groupsText(denials: readonly DenialView[]): string {
  const groups = groupDenials(denials)
  const of = (wanted: DenialView['state']) => groups.filter(({ state }) => state === wanted).length
  const explained = of('expected')
  const rest = (['own', 'muted', 'closed'] as const)
    .filter((state) => of(state) > 0)
    .map((state) => `, ${of(state)} ${state === 'own' ? 'of Secco' : state}`)
    .join('')
  return `${groups.filter(isOpen).length} different, ${explained} explained${rest}`
}

/** Returns how many calls were only logged, in words: they succeeded, and are no denials. */
function loggedText(open: readonly DenialView[]): string {
  const calls = openCalls(open.filter(isLogged))
  return calls === 0 ? '' : `and ${counted(calls, 'call')} logged in audit, `
}

/** Says that a sum is not of all nodes, where that is so: the banner of the page names the others. */
const reportingText = ({ sources }: Ui): string =>
  sources.missing().length === 0 ? '' : ', on the nodes that report'

function lossNote(lossy: readonly NodeView[]): string {
  const [first] = lossy
  if (first === undefined) return 'no node lost a record'
  const others = lossy.length === 1 ? '' : '; the others: see Nodes'
  return `${first.name}: ${lostText(first)}${others}`
}

function Figures({ ui, states }: { ui: Ui; states: StateCounts }): VNode {
  const { counts, total } = states
  const nodes = ui.sources.nodes()
  const denials = ui.sources.denials()
  const open = denials.filter(isOpen)
  const { approved, ready } = delivered(ui)
  const connected = nodes.filter((node) => node.connected).length
  const lossy = nodes.filter((node) => lostText(node) !== '')
  const missing = ui.sources.missing().length
  const enforcedText =
    total === 0
      ? 'no container runs'
      : `${numberText(counts.enforced)} of ${counted(total, 'container')}`
  const share = total === 0 ? 0 : Math.round((100 * counts.enforced) / total)
  return (
    <section class="panel grow" aria-label="Figures">
      <dl class="figures" data-live="figures">
        <Figure
          term="Enforced"
          value={total > 0 ? `${share} %` : missing > 0 ? 'not known' : 'none'}
          note={`${enforcedText}${reportingText(ui)}`}
        />
        <Figure
          term="Profiles on nodes"
          value={`${ready} / ${approved}`}
          note={`${numberText(connected)} of ${counted(nodes.length, 'node')} connected`}
        />
        <Figure
          term="Denials"
          value={numberText(openCalls(open.filter((one) => !isLogged(one))))}
          note={`${loggedText(open)}${groupsText(denials)}, ${knownSinceText(ui)}`}
        />
        <Figure
          term="Nodes that lost records"
          value={numberText(lossy.length)}
          note={`${lossNote(lossy)}${reportingText(ui)}`}
        />
      </dl>
    </section>
  )
}

function Workloads({ ui }: { ui: Ui }): VNode {
  const lines = ui.lines()
  if (lines.length === 0) {
    const next = (
      <>
        Start a container under a filter, for example that of{' '}
        <InlineCommand text="secco render --learn" />, label pods{' '}
        <code>secco.dev/learn: "true"</code>, or record one that runs in the{' '}
        <a href="/profiler">profiler</a>.
      </>
    )
    return <EmptyBody what="Nothing is learned yet." next={next} />
  }
  const derived = derivedOf(ui.sources, ui.now())
  const some = `${Math.min(shown, lines.length)} of ${numberText(lines.length)}`
  return (
    <WorkloadTable
      lines={lines.slice(0, shown).map((line) => detailOf(line, derived))}
      note={`${some}, what needs you and what changed first`}
      runtimeDefault={runtimeDefaultScore}
      discovery={ui.sources.discovery}
      live="workloads"
    />
  )
}

function bodyOf(ui: Ui, states: StateCounts): VNode {
  const lines = ui.lines()
  const needs = needsOf(ui.sources, lines, ui.now())
  return (
    <>
      <Tour lines={lines} nodes={ui.sources.nodes()} />
      <div class="cols equal">
        <div class="stack">
          <StatePanel {...states} />
          <Figures ui={ui} states={states} />
        </div>
        <section class="panel" id="needs-you" aria-labelledby="h-needs" data-live="todo">
          <header>
            <h2 id="h-needs">Needs you: {waitingOf(needs)}</h2>
          </header>
          <div>
            <div>
              <TodoList todos={todosOf(ui, lines)} needs={needs} />
            </div>
          </div>
        </section>
      </div>
      <section class="panel">
        <Workloads ui={ui} />
      </section>
      <CommandPanel texts={['secco get workloads -A']} />
    </>
  )
}

function render({ ui }: Call): View {
  const states = countStates(ui)
  return {
    title: 'Fleet',
    facts: [
      <bdi>{ui.place}</bdi>,
      counted(states.total, 'container'),
      counted(ui.lines().length, 'workload'),
      counted(ui.sources.nodes().length, 'node'),
      `as of ${clockText(ui.now())}`
    ],
    actions: (
      <>
        <a class="btn" href="/profiler">
          Record a container
        </a>
        <a class="btn" href="/rules#new">
          Learn a namespace
        </a>
      </>
    ),
    body: bodyOf(ui, states)
  }
}

export const fleetPage: Page = {
  path: '/',
  live: true,
  nav: 'Fleet',
  count: 'unconfined',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
