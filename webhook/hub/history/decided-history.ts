import type { LadderStep } from '../../../src/api/ladder.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { HistoryEvent, HistoryEventKind } from '../../../src/history/workload-history.js'
import { laterTime } from '../../../src/history/times.js'
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

function stepEvent(key: string, step: LadderStep): HistoryEvent {
  const { at, action, reason } = step
  const short = (text: string): string => text.slice(0, longestBy)
  const [by, from, to] = [short(step.by), short(step.from), short(step.to)] as const
  return {
    id: `step ${key} ${at} ${action} ${from} ${to}`,
    ...{ at, by, what: kinds[action] },
    text: `${action}: ${from} → ${to}`,
    ...said(reason)
  }
}

/** Returns the delivery of the newest revision, once every node has it. */
function deliveryEvents(key: string, { status = {} }: SeccompProfile): HistoryEvent[] {
  const { revision, conditions = [], approvals = [] } = status
  const ready = conditions.find(({ type }) => type === 'Ready')
  if (revision === undefined || ready?.status !== 'True') return []
  // A revision is delivered after it was approved, also where no node lacked it for a moment.
  const at = laterTime(ready.lastTransitionTime, approvals.at(-1)?.at ?? '')
  return [
    {
      id: `delivery ${key} ${revision}`,
      ...{ at, what: 'delivery', revision, text: `revision of ${key} on every node` }
    }
  ]
}

const isTime = ({ at }: { at: string }): boolean =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(at)

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
  ].filter(isTime)
}

/** Returns the mode that a rule sets for the containers of a profile. @param at when that was first seen */
export function ruleEvent(rule: string, profile: string, mode: string, at: string): HistoryEvent {
  return {
    id: `rule ${rule} ${mode} ${profile}`,
    ...{ at, what: 'mode', text: `rule ${rule} sets ${mode} with ${profile}` }
  }
}
