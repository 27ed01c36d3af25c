import type { NodeStatus } from '../../../src/api/gen/hub.js'
import { knownGaps, type RecordingGap } from '../../../src/history/recording-gap.js'

const known = new WeakMap<NodeStatus, readonly RecordingGap[]>()

/**
 * Returns the gaps in what a node recorded. A fleet has many containers on a node: they are checked once for each report.
 * @param now in ms
 */
export function gapsOfNode(status: NodeStatus | undefined, now: number): readonly RecordingGap[] {
  if (status === undefined) return []
  const before = known.get(status)
  if (before !== undefined) return before
  const gaps = knownGaps(status.gaps, now)
  known.set(status, gaps)
  return gaps
}
