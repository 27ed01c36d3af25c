import { type ConfinementState, states } from '../../../src/confinement/state.js'
import { plural } from '../../../src/lib/plural.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import { riskReport } from '../../../src/seccomp/review/risk-score.js'
import { callsInWords, type DenialGroup, openGroups, openWord } from '../../views/denial-view.js'
import { unblockHref } from './derived.js'
import { nodeNeedsPerson, nodeProblems } from '../../views/node-problems.js'
import type { NodeView } from '../../views/view.js'
import type { Ui } from './context.js'
import { type Unconfined, unconfinedOf } from './unconfined.js'
import { titleOf, type WorkloadLine } from './workloads.js'
import { foreignName } from '../../../src/lib/printed-commands.js'

/** RuntimeDefault's risk score, to compare others with. */
export const runtimeDefaultScore = riskReport(runtimeDefault()).score

export interface StateCounts {
  counts: Readonly<Record<ConfinementState, number>>
  total: number
  /** Whether satellites reported it; else it is what rules and profiles say. */
  real: boolean
}

/** Counts containers by their state. */
export function countStates(ui: Ui): StateCounts {
  const running = ui.sources.containers()?.counts()
  const none = Object.fromEntries(states.map((state) => [state, 0]))
  const counts = running?.states ?? (none as Record<ConfinementState, number>)
  for (const line of running === undefined ? ui.lines() : []) {
    for (const { state, containers } of line.states) counts[state] += containers
  }
  const total = states.reduce((sum, state) => sum + counts[state], 0)
  return { counts, total, real: running !== undefined }
}

/** Something that waits for a person. */
export interface Todo {
  kind: 'unconfined' | 'drift' | 'unprotected' | 'denied' | 'logged' | 'node' | 'review'
  title: string
  detail: string
  href: string
  verb: string
}

function unconfinedTodo({ workload, profile, namespace, containers }: Unconfined): Todo {
  const run = plural(containers, 'container runs', 'containers run')
  const isLearned = profile !== ''
  const next = isLearned
    ? 'approve its profile, or keep it in learn'
    : 'no profile learns from them yet'
  return {
    kind: 'unconfined',
    title: isLearned ? `${namespace}/${workload} is unconfined` : `unconfined in ${namespace}`,
    detail: `${run} without a filter; ${next}`,
    href: isLearned ? `/workloads/${profile}` : '/nodes?q=unconfined#containers',
    verb: isLearned ? 'Decide' : 'Inspect'
  }
}

function driftTodo(line: WorkloadLine): Todo {
  return {
    kind: 'drift',
    title: `${titleOf(line)} drifted`,
    detail: `drift in ${line.drifted} of ${plural(line.containers, 'container')}`,
    href: '/nodes#containers',
    verb: 'Inspect'
  }
}

function unprotectedTodo(line: WorkloadLine): Todo {
  const { unprotected, containers } = line
  const count = `${unprotected} of ${plural(containers, 'container')}`
  return {
    kind: 'unprotected',
    title: `${titleOf(line)} is not protected`,
    detail: `${count} ${unprotected === 1 ? 'runs' : 'run'} without what a rule decides`,
    href: '/nodes#containers',
    verb: 'Inspect'
  }
}

function denialTodo(group: DenialGroup): Todo {
  const { syscall, calls, logged, namespace, profile, count, comm, state, hint } = group
  const isAllowed = state === 'allowed'
  const isBlocked = state === 'open' && openWord(group) === 'blocked'
  const caller = comm === '' ? 'an unknown caller' : foreignName(comm)
  return {
    kind: logged ? 'logged' : 'denied',
    title: `${callsInWords(syscall, calls) || syscall} ${isBlocked ? 'blocked in an emergency' : logged ? 'logged' : 'denied'}`,
    detail: isAllowed
      ? `${namespace}/${profile}: allowed by now, needs a restart`
      : group.isOfDeleted
        ? hint
        : `${namespace}/${profile}, ${plural(count, 'time')}, by ${caller}`,
    href: isBlocked ? unblockHref : `/denials?q=${encodeURIComponent(syscall)}`,
    verb: isBlocked ? 'Unblock' : isAllowed ? 'Restart' : group.isOfDeleted ? 'Inspect' : 'Decide'
  }
}

function nodeTodo(node: NodeView, now: number): Todo {
  const { name, connected } = node
  const problems = nodeProblems(node, now).filter(({ level }) => level === 'bad')
  return {
    kind: 'node',
    title: connected ? `${name} has a problem` : `${name} is not connected`,
    detail: problems.map(({ message }) => message).join('; '),
    href: '/nodes',
    verb: 'Inspect'
  }
}

function reviewTodo(line: WorkloadLine): Todo {
  return {
    kind: 'review',
    title: `${titleOf(line)} to review`,
    detail: `${plural(line.toReview, 'call was', 'calls were')} observed since the last approval`,
    href: `/review/${line.key}`,
    verb: 'Review'
  }
}

/** Lists what waits for a person, the most urgent first. */
export function todosOf(ui: Ui, lines: readonly WorkloadLine[]): Todo[] {
  const now = ui.now()
  return [
    ...unconfinedOf(ui.sources).open.map(unconfinedTodo),
    ...lines.filter(({ drifted }) => drifted > 0).map(driftTodo),
    ...lines.filter(({ unprotected }) => unprotected > 0).map(unprotectedTodo),
    ...openGroups(ui.sources.denials()).map(denialTodo),
    ...ui.sources
      .nodes()
      .filter((node) => nodeNeedsPerson(node, now))
      .map((node) => nodeTodo(node, now)),
    ...lines.filter(({ toReview }) => toReview > 0).map(reviewTodo)
  ]
}
