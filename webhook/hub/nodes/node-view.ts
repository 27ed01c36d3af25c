import type { NodeView } from '../../views/view.js'
import { heldUpConditions } from '../../views/holds-up.js'
import { gapsOfNode } from './node-gaps.js'
import type { NodeState } from './node-state.js'

/** Returns a node as pages, API and CLI show it. Revisions that failed appear as conditions. */
export function nodeView(node: NodeState): NodeView {
  const { status, holdsUp = [] } = node
  const reported = (status?.conditions ?? []).map(({ type, status, reason, message }) => ({
    ...{ type, status, reason, message }
  }))
  const failed = [...node.problems.values()].map(({ namespace, profile, code, message }) => ({
    type: 'RevisionReady',
    status: 'False',
    reason: code,
    message: `${namespace}/${profile}: ${message}`
  }))
  const {
    tableFull = 0,
    unknownSyscalls = 0,
    recursionMisses = 0,
    unidentified = 0,
    details = 0,
    missed = 0,
    givenUp = 0
  } = status?.losses ?? {}
  return {
    name: node.name,
    connected: node.connected,
    lastSeen: node.lastSeen,
    kernel: status?.kernel ?? '',
    arch: status?.arch ?? '',
    hook: status?.hook ?? '',
    record: status?.record ?? '',
    attached: status?.attached ?? false,
    tracingUnavailable: status?.tracingUnavailable ?? '',
    runtimes: (status?.runtimes ?? [])
      .map(({ name, version }) => (version === '' ? name : `${name} ${version}`))
      .join(', '),
    revisions: node.holding.size,
    losses: { tableFull, unknownSyscalls, recursionMisses, unidentified, details, missed, givenUp },
    gaps: [...gapsOfNode(status, Date.now())],
    holdsUp: [...holdsUp],
    conditions: [...heldUpConditions(holdsUp), ...reported, ...failed]
  }
}
