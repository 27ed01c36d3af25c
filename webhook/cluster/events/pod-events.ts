import { carriedAssignment } from '../watch/carried-assignment.js'
import type { ClusterPod } from '../watch/cluster-view.js'
import type { EventText, Regarding } from './events.js'

/** Assigned is one container's entry in the annotation `secco.dev/assigned`. */
interface Assigned {
  rule?: unknown
  profile?: unknown
  mode?: unknown
  revision?: unknown
  outcome?: unknown
  reason?: unknown
}

/** Older pods got their events from the hub that led at that time. */
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
      (entry): entry is [string, Assigned] => carriedAssignment(pod, entry[0]) !== undefined
    )
  } catch {
    return []
  }
}

/** Returns what the event of an assignment says, by the reason that the webhook noted. Learning needs no event. */
function noteFor(
  reason: string,
  { profile, mode, revision, rule }: Record<'profile' | 'mode' | 'revision' | 'rule', string>
): Pick<EventText, 'type' | 'reason' | 'note'> | undefined {
  const late = 'when the pod was created'
  const nodes = 'every node that could run it'
  switch (reason) {
    case 'ready':
      return {
        ...{ type: 'Normal', reason: 'ProfileApplied' },
        note: `${mode} ${profile}, revision ${revision} (${rule})`
      }
    case 'previous':
      return {
        ...{ type: 'Warning', reason: 'ProfileFallback' },
        note: `the previous revision ${revision} of ${profile}: ${late} the newest had not reached ${nodes} (${rule})`
      }
    case 'not-ready':
      return {
        ...{ type: 'Warning', reason: 'ProfileFallback' },
        note:
          `RuntimeDefault instead of ${profile}: ${late} its revision had not reached ${nodes} (${rule}); ` +
          'recreate the pod once the profile is Ready'
      }
    case 'not-approved':
      return {
        ...{ type: 'Warning', reason: 'ProfileMissing' },
        note: `RuntimeDefault: profile ${profile} was not approved yet (${rule})`
      }
    case 'unknown-profile':
      return {
        ...{ type: 'Warning', reason: 'ProfileMissing' },
        note: `RuntimeDefault: profile ${profile} does not exist (${rule})`
      }
    default:
      return undefined
  }
}

function textFor(name: string, assigned: Assigned): EventText | undefined {
  const event = noteFor(textOf(assigned.reason), {
    profile: textOf(assigned.profile),
    mode: textOf(assigned.mode),
    rule: textOf(assigned.rule),
    revision: textOf(assigned.revision).slice(0, 'sha256:'.length + 12)
  })
  if (event === undefined) return undefined
  return { ...event, action: 'Assign', note: `container ${name.slice(0, 63)}: ${event.note}` }
}

/** Returns the events of a new pod, from what the webhook noted on it. Pure. @param falseClaims see FalseClaims */
export function podEvents(
  pod: ClusterPod,
  nowMs: number,
  falseClaims: Pick<ReadonlySet<string>, 'has'>
): { regarding: Regarding; texts: EventText[] } | undefined {
  if (nowMs - Date.parse(pod.createdAt) > freshMs) return undefined
  const texts = assignedOf(pod)
    .filter(([name]) => !falseClaims.has(name))
    .flatMap(([name, assigned]) => textFor(name, assigned) ?? [])
  if (texts.length === 0) return undefined
  const { namespace, name, uid } = pod
  return { regarding: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid }, texts }
}
