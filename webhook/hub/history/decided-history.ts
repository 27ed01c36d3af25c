import type { LadderStep } from '../../../src/api/ladder.js'
import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import type { HistoryEvent, HistoryEventKind } from '../../../src/history/workload-history.js'
import { isTime, laterTime } from '../../../src/history/times.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import { isEmergency } from '../../../src/seccomp/render/emergency.js'

/** Of a name of a person, and of a step. */
const longestBy = 256

type Approval = NonNullable<NonNullable<SeccompProfile['status']>['approvals']>[number]

const said = (reason: string | undefined): { reason?: string } =>
  reason === undefined || reason === '' ? {} : { reason: reason.slice(0, 1000) }

function approvalEvent(key: string, isBlock: boolean, approval: Approval): HistoryEvent {
  const { at, reason, revision, digest = '' } = approval
  const by = approval.by.slice(0, longestBy)
  return {
    id: `approval ${key} ${at} ${by} ${digest}`,
    ...{ at, by, what: isBlock ? 'block' : 'approval' },
    // The reason of a change of blocks names what was blocked.
    ...(isBlock
      ? { text: (reason ?? 'emergency blocks changed').slice(0, 1000) }
      : { text: `content of ${key} approved`, ...said(reason) }),
    ...(revision === '' ? {} : { revision })
  }
}

const kinds: Readonly<Record<LadderStep['action'], HistoryEventKind>> = {
  promote: 'mode',
  rollback: 'mode',
  canary: 'canary',
  complete: 'canary',
  return: 'canary',
  allow: 'allow',
  mute: 'mute'
}

/** Returns the word for a place; steps that an earlier release stored have `heard` for what is not muted. */
const muteWord = (place: string): string => (place === 'heard' ? 'not muted' : place)

function stepEvent(key: string, step: LadderStep): HistoryEvent {
  const { at, action, reason } = step
  const short = (text: string): string => text.slice(0, longestBy)
  const [by, from, to] = [short(step.by), short(step.from), short(step.to)] as const
  return {
    id: `step ${key} ${at} ${action} ${from} ${to}`,
    ...{ at, by, what: kinds[action] },
    text: `${action}: ${muteWord(from)} → ${muteWord(to)}`,
    ...said(reason)
  }
}

/** Returns the delivery of the newest revision, once every node has it. */
function deliveryEvents(key: string, { metadata, status = {} }: SeccompProfile): HistoryEvent[] {
  const { revision, conditions = [], approvals = [] } = status
  const ready = conditions.find(({ type }) => type === 'Ready')
  if (revision === undefined || ready?.status !== 'True') return []
  // Until the hub has rendered what was approved last, the status is about the revision of before.
  const { generation = ready.observedGeneration } = metadata
  if (ready.observedGeneration !== generation || approvals.at(-1)?.revision === '') return []
  // A revision is delivered after it was approved, also where no node lacked it for a moment.
  const at = laterTime(ready.lastTransitionTime, approvals.at(-1)?.at ?? '')
  return [
    {
      id: `delivery ${key} ${revision} ${at}`,
      ...{ at, what: 'delivery', revision, text: `revision of ${key} on every node` }
    }
  ]
}

/**
 * Returns what people and policies decided about a profile, and the delivery of its revision. Pure: the same profile
 * always has the same events, so they can be recorded after each change and each restart.
 */
export function decidedEvents(key: string, profile: SeccompProfile): HistoryEvent[] {
  const { approvals = [], history = [] } = profile.status ?? {}
  const isBlock = isEmergency(profile)
  return [
    ...approvals.map((one) => approvalEvent(key, isBlock, one)),
    ...history.map((step) => stepEvent(key, step)),
    ...(isBlock ? [] : deliveryEvents(key, profile))
  ].filter(({ at }) => isTime(at))
}

/** An object, and how often it was there again after it had counted as deleted. */
interface Occurrence {
  uid: string | undefined
  returns: number
}

/**
 * Returns the deletion of a profile. The store does not report who made it. With the object and its occurrence, each hub
 * makes the same event of it, whenever it hears of it.
 */
export function deletedEvent(
  key: string,
  at: string,
  { uid = at, returns }: Occurrence,
  when = ''
): HistoryEvent {
  return {
    id: `deleted ${key} ${uid}${returns === 0 ? '' : ` ${returns}`}`,
    ...{ at, what: 'mode', text: `${key} was deleted${when}; its containers keep their filter` }
  }
}

/** Returns the event of an object that counted as deleted: its file was only away. */
export const returnedEvent = (
  key: string,
  at: string,
  { uid = at, returns }: Occurrence
): HistoryEvent => ({
  id: `returned ${key} ${uid} ${returns}`,
  ...{ at, what: 'mode', text: `${key} is there again: the same object` }
})

/**
 * Returns the key of the profile for whose containers a rule sets a mode. A rule sets nothing for workloads of other
 * namespaces, whatever it names, and must not fill their histories.
 */
export function profileOfRule({ metadata, spec }: SeccompRule): string | undefined {
  const { namespace = rootNamespace } = metadata
  const { profile } = spec
  if (profile === undefined) return undefined
  const isElsewhere = (profile.namespace ?? namespace) !== namespace
  if (isElsewhere && namespace !== rootNamespace) return undefined
  return profileKey(profile.namespace ?? namespace, profile.name)
}

interface RuleMode {
  rule: string
  profile: string
  mode: string
  /** Distinguishes two times at which it set the same mode: its generation, else a time. */
  mark: string
}

/** Returns the mode that a rule sets for the containers of a profile. @param at when that was first seen */
export function ruleEvent({ rule, profile, mode, mark }: RuleMode, at: string): HistoryEvent {
  return {
    id: `rule ${rule} ${mode} ${profile} ${mark}`,
    ...{ at, what: 'mode', text: `rule ${rule} sets ${mode} with ${profile}` }
  }
}
