import type { ClusterPod } from '../watch/cluster-view.js'
import type { EventText, Regarding } from './events.js'

/** One container's entry in our annotation `secco.dev/assigned`. */
interface Assigned {
  rule?: unknown
  profile?: unknown
  mode?: unknown
  revision?: unknown
  outcome?: unknown
  reason?: unknown
}

/** A pod that was created longer ago was told about by whoever led then. */
const freshMs = 600_000
const mostText = 256

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value.slice(0, mostText) : ''

function assignedOf(pod: ClusterPod): [string, Assigned][] {
  if (pod.assigned === '') return []
  try {
    const parsed: unknown = JSON.parse(pod.assigned)
    if (typeof parsed !== 'object' || parsed === null) return []
    return Object.entries(parsed).filter(
      (entry): entry is [string, Assigned] => typeof entry[1] === 'object' && entry[1] !== null
    )
  } catch {
    return []
  }
}

/** Which event a container's assignment is worth; learning is what was asked for and needs none. */
function textFor(name: string, assigned: Assigned): EventText | undefined {
  const [rule, profile, mode, reason] = [
    textOf(assigned.rule),
    textOf(assigned.profile),
    textOf(assigned.mode),
    textOf(assigned.reason)
  ]
  const container = name.slice(0, 63)
  const revision = textOf(assigned.revision).slice(0, 'sha256:'.length + 12)
  const fallback = { type: 'Warning', action: 'Assign' } as const
  switch (reason) {
    case 'ready':
      return {
        ...{ type: 'Normal', reason: 'ProfileApplied', action: 'Assign' },
        note: `container ${container}: ${mode} ${profile}, revision ${revision} (${rule})`
      }
    case 'previous':
      return {
        ...{ ...fallback, reason: 'ProfileFallback' },
        note: `container ${container}: the previous revision ${revision} of ${profile}: when the pod was created the newest had not reached every node that could run it (${rule})`
      }
    case 'not-ready':
      return {
        ...{ ...fallback, reason: 'ProfileFallback' },
        note: `container ${container}: RuntimeDefault instead of ${profile}: when the pod was created its revision had not reached every node that could run it (${rule}); recreate the pod once the profile is Ready`
      }
    case 'not-approved':
      return {
        ...{ ...fallback, reason: 'ProfileMissing' },
        note: `container ${container}: RuntimeDefault: profile ${profile} was not approved yet (${rule})`
      }
    case 'unknown-profile':
      return {
        ...{ ...fallback, reason: 'ProfileMissing' },
        note: `container ${container}: RuntimeDefault: profile ${profile} does not exist (${rule})`
      }
    default:
      return undefined
  }
}

/** What to say of a pod that appeared, by what our webhook left on it. Pure. */
export function podEvents(
  pod: ClusterPod,
  nowMs: number
): { regarding: Regarding; texts: EventText[] } | undefined {
  if (nowMs - Date.parse(pod.createdAt) > freshMs) return undefined
  const texts = assignedOf(pod).flatMap(([name, assigned]) => textFor(name, assigned) ?? [])
  if (texts.length === 0) return undefined
  const { namespace, name, uid } = pod
  return { regarding: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid }, texts }
}
