import { type ConfinementState, states } from '../../../src/confinement/state.js'
import { plural } from '../../../src/lib/plural.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import { riskReport } from '../../../src/seccomp/review/risk-score.js'
import { type DenialGroup, groupDenials, isOpen } from '../../views/denial-view.js'
import type { NodeView } from '../../views/view.js'
import type { Ui } from './context.js'
import { nodeNeedsPerson, titleOf, type WorkloadLine } from './workloads.js'

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
  for (const { state, containers } of running === undefined ? ui.lines() : []) {
    if (state !== undefined) counts[state] += containers
  }
  const total = states.reduce((sum, state) => sum + counts[state], 0)
  return { counts, total, real: running !== undefined }
}

/** Something that waits for a person. */
export interface Todo {
  kind: 'drift' | 'denied' | 'logged' | 'node' | 'review'
  title: string
  detail: string
  href: string
  verb: string
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

function denialTodo({ syscall, logged, namespace, profile, count, comm }: DenialGroup): Todo {
  const caller = comm === '' ? 'an unknown caller' : comm
  return {
    kind: logged ? 'logged' : 'denied',
    title: `${syscall} ${logged ? 'logged' : 'denied'}`,
    detail: `${namespace}/${profile}, ${plural(count, 'time')}, by ${caller}`,
    href: `/denials?q=${encodeURIComponent(syscall)}`,
    verb: 'Decide'
  }
}

function nodeTodo({ name, connected, conditions }: NodeView): Todo {
  return {
    kind: 'node',
    title: connected ? `${name} reports a problem` : `${name} is not connected`,
    detail:
      conditions.find(({ status }) => status === 'False')?.message ??
      'denials and new syscalls there are not reported',
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
  return [
    ...lines.filter(({ drifted }) => drifted > 0).map(driftTodo),
    ...groupDenials(ui.sources.denials()).filter(isOpen).map(denialTodo),
    ...ui.sources.nodes().filter(nodeNeedsPerson).map(nodeTodo),
    ...lines.filter(({ toReview }) => toReview > 0).map(reviewTodo)
  ]
}
