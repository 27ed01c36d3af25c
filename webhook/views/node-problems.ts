import { lostText, type NodeView } from './view.js'

/** The longest silence of a connected satellite, in ms: it sends a heartbeat every 20 s. */
const silentMs = 120_000

/** NodeProblem is one thing that is wrong with a node: the same on the pages Fleet, Nodes and Doctor, in the API and in commands. */
export interface NodeProblem {
  /** away, silent, cannot-record or lost; else the type of a condition of the node. */
  kind: string
  /** bad: a person has to fix it. warn: it is over, and what was learned meanwhile may lack syscalls. */
  level: 'bad' | 'warn'
  message: string
}

/** JudgedNode is a node as the API answers it: with what is wrong with it. */
export interface JudgedNode extends NodeView {
  problems: NodeProblem[]
}

function connectionProblems({ connected, lastSeen }: NodeView, now: number): NodeProblem[] {
  if (!connected) {
    const message =
      lastSeen === ''
        ? 'no satellite of it has reported: what happens there is not known'
        : 'it is away: what happens there is not known, a pinned recorder goes on'
    return [{ kind: 'away', level: 'bad', message }]
  }
  if (now - Date.parse(lastSeen) <= silentMs) return []
  return [{ kind: 'silent', level: 'bad', message: 'it is connected, and has not reported lately' }]
}

function recordingProblems({ hook, record, tracingUnavailable }: NodeView): NodeProblem[] {
  // A node of which a hub knows only the name has not said how it records.
  if (hook !== '' || record === 'off' || record === '') return []
  const message = tracingUnavailable === '' ? 'it cannot record' : tracingUnavailable
  return [{ kind: 'cannot-record', level: 'bad', message }]
}

/** Lists what is wrong with a node; empty for one without a problem. Pure. @param now in ms */
export function nodeProblems(node: NodeView, now: number): NodeProblem[] {
  const failed = node.conditions.filter(({ status }) => status === 'False')
  const lost = lostText(node)
  return [
    ...connectionProblems(node, now),
    ...recordingProblems(node),
    ...failed.map(
      ({ type, reason, message }): NodeProblem => ({
        ...{ kind: type, level: 'bad', message: `${reason}: ${message}` }
      })
    ),
    ...(lost === '' ? [] : [{ kind: 'lost', level: 'warn' as const, message: lost }])
  ]
}

/** Adds to a node what is wrong with it. @param now in ms */
export function judgedNode(node: NodeView, now: number): JudgedNode {
  return { ...node, problems: nodeProblems(node, now) }
}

/** Returns whether a person has to fix something on the node. */
export function nodeNeedsPerson(node: NodeView, now: number): boolean {
  return nodeProblems(node, now).some(({ level }) => level === 'bad')
}

/** Returns whether the node records new containers now, as far as is known: of one that is away it is not. */
export function isRecording({ connected, hook, record }: NodeView): boolean {
  return connected && hook !== '' && record !== 'off'
}
