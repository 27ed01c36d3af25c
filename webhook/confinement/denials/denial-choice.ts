import { durationMs } from '../../../src/lib/duration.js'
import type { DenialView } from './denial-views.js'

/** Returns the time of `10m` ago or of an RFC 3339 time, in milliseconds; undefined for other texts. */
export function sinceOf(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const span = durationMs(text)
  const at = span === undefined ? Date.parse(text) : now - span
  return Number.isNaN(at) ? undefined : at
}

/** DenialChoice is which denials a caller asks for. */
export interface DenialChoice {
  namespace?: string | undefined
  workload?: string | undefined
  node?: string | undefined
  profile?: string | undefined
  since?: string | undefined
  muted?: boolean
  expected?: boolean
  closed?: boolean
}

/** Returns whether a denial is among those that were asked for. @param since milliseconds since 1970 */
export function wantsDenial(view: DenialView, choice: DenialChoice, since?: number): boolean {
  const { namespace, workload, node, profile } = choice
  return (
    (namespace ?? view.namespace) === view.namespace &&
    (workload ?? view.workload) === view.workload &&
    (node ?? view.node) === view.node &&
    (profile ?? view.profile) === view.profile &&
    (choice.muted === true || view.state !== 'muted') &&
    (choice.expected === true || !view.expected) &&
    (choice.closed === true || view.state !== 'closed') &&
    (since === undefined || Date.parse(view.lastSeen) >= since)
  )
}
