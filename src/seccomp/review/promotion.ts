import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { plural } from '../../lib/plural.js'
import { type Abi, abis } from '../../syscalls/abi.js'
import { isApprovalStale } from '../policy/approval.js'
import { approveObserved, planApproval } from './approve.js'
import { completenessOf } from './completeness.js'
import {
  allowCommand,
  type DeniedCall,
  deniedText,
  fateText,
  leftOut,
  withoutUndecided
} from './denied-calls.js'
import { durationMs } from '../../lib/duration.js'
import { entryInstances } from './counted-instances.js'
import { isStartUnseen, startUnseenText } from './evidence.js'
import { isQuietFor, quietOf, quietText } from './quiet.js'
import { singleSourceCalls } from './quorum.js'
import { riskOf } from '../policy/risk.js'
import { keyOfProfile } from './start-risk.js'

/** Whether spec.promote lets a policy approve now, and why or why not. */
export interface Promotion {
  ready: boolean
  /** The conditions that are met when ready; otherwise those that are not met yet. */
  reasons: string[]
  /** Names that a policy would approve; names that it leaves to a person, each with the reason. */
  adds: string[]
  left: { name: string; reason: string }[]
}

/** Approvals of a policy carry this in `by`. */
export const policyName = 'policy'

/** Another ABI is a second set of numbers for the same kernel: a person's decision. */
const native: readonly Abi[] = ['x86_64', 'aarch64']

/**
 * What of the observed a policy may approve. Never: names beyond RuntimeDefault, names of high risk,
 * risky ones that only one node reports, ABIs beside the machine's own, and what a filter denied or audit logged: an attacker
 * may have made it. `denyRisky` (default true) leaves names of medium risk as well.
 */
function forPolicy(
  profile: SeccompProfile,
  undecided: readonly DeniedCall[]
): { view: SeccompProfile; left: Promotion['left'] } {
  const plan = planApproval(profile)
  const beyond = new Set(plan.beyond)
  const denyRisky = profile.spec.promote?.denyRisky ?? true
  const left = new Map<string, string>()
  for (const name of plan.adds) {
    const risk = riskOf(name)
    if (beyond.has(name)) left.set(name, 'RuntimeDefault denies it')
    else if (risk?.level === 'high' || (risk !== undefined && denyRisky))
      left.set(name, risk.reason)
  }
  for (const { name, node, reason } of singleSourceCalls(profile)) {
    left.set(
      name,
      node === ''
        ? `${reason}; no node is known to report it`
        : `${reason}; only node ${node} reports it`
    )
  }
  for (const one of leftOut(profile, undecided)) {
    const command = allowCommand(keyOfProfile(profile), [one])
    const next = command === undefined ? '' : `; to allow it: ${command}`
    left.set(one.name, `${fateText(one)}, ${deniedText(one)}${next}`)
  }
  const observed = withoutUndecided(profile, undecided).status?.observed ?? {}
  const taken: NonNullable<SeccompProfile['status']>['observed'] = {}
  const seen = new Set<string>()
  for (const abi of native) {
    const names = (observed[abi] ?? []).filter((name) => !left.has(name))
    for (const name of names) seen.add(name)
    if (names.length > 0) taken[abi] = names
  }
  for (const abi of abis.filter((each) => !native.includes(each))) {
    for (const name of observed[abi] ?? []) {
      if (plan.adds.includes(name) && !seen.has(name) && !left.has(name)) {
        left.set(name, `seen through ${abi} only`)
      }
    }
  }
  return {
    view: { ...profile, status: { ...profile.status, observed: taken } },
    left: [...left].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, reason]) => ({ name, reason }))
  }
}

/** Gates of spec.promote: met ones and unmet ones, in words. */
function gates(profile: SeccompProfile, now: number): { met: string[]; unmet: string[] } {
  const [met, unmet]: [string[], string[]] = [[], []]
  const { promote } = profile.spec
  if (promote === undefined) return { met, unmet: ['spec.promote is not set: people approve'] }
  if (isApprovalStale(profile.spec))
    unmet.push('the spec differs from what was approved: a person decides')
  const gate = (ok: boolean, yes: string, no: string) => (ok ? met.push(yes) : unmet.push(no))
  const instances = entryInstances(profile)
  const whole = instances.filter(({ complete }) => complete).length
  const seen = `${plural(whole, 'instance')} from the first instruction`
  gate(whole >= promote.afterInstances, seen, `${seen}; ${promote.afterInstances} are required`)
  if (isStartUnseen(profile)) unmet.push(startUnseenText(profile))
  const wanted = durationMs(promote.afterQuiet) ?? Number.POSITIVE_INFINITY
  const quiet = quietOf(profile, now)
  const text = quietText(quiet)
  gate(isQuietFor(quiet, wanted), text, `${text}; ${promote.afterQuiet} are required`)
  const lost = instances.reduce((total, one) => total + (one.lost ?? 0), 0)
  gate(lost === 0, 'nothing lost', `${plural(lost, 'event')} lost: a person decides`)
  if (promote.maxUnseen !== undefined) {
    const estimate = completenessOf(profile, now).estimate.all
    if ('tooFew' in estimate) {
      unmet.push(`the unseen cannot be estimated yet (${plural(estimate.instances, 'instance')})`)
    } else {
      const most = `at most ${estimate.upper.toFixed(1)} unseen`
      gate(estimate.upper <= promote.maxUnseen, most, `${most}; the limit is ${promote.maxUnseen}`)
    }
  }
  return { met, unmet }
}

/**
 * Returns whether a policy may approve this profile now. Pure; `now` in ms.
 * @param undecided the calls that a filter denied, or that audit logged
 */
export function promotionOf(
  profile: SeccompProfile,
  now: number,
  undecided: readonly DeniedCall[] = []
): Promotion {
  const { view, left } = forPolicy(profile, undecided)
  const { adds } = planApproval(view)
  const { met, unmet } = gates(profile, now)
  if (profile.spec.promote !== undefined && adds.length === 0) {
    unmet.push('nothing new that a policy may approve')
  }
  return { ready: unmet.length === 0, reasons: unmet.length === 0 ? met : unmet, adds, left }
}

/**
 * Returns the profile as approved by policy, with the reasons in its approval; the same object when the policy
 * may not. What was observed stays as it was.
 * @param approver the user name that writes it, where approvals are bound to who writes them
 * @param undecided the calls that a filter denied, or that audit logged
 */
export function promote(
  profile: SeccompProfile,
  now: number,
  approver?: string,
  undecided: readonly DeniedCall[] = []
): SeccompProfile {
  const { ready, reasons, left } = promotionOf(profile, now, undecided)
  if (!ready) return profile
  const people =
    left.length === 0 ? '' : `; left to a person: ${left.map(({ name }) => name).join(', ')}`
  const { view } = forPolicy(profile, undecided)
  const reason = `${reasons.join(', ')}${people}`
  const approved = approveObserved(view, {
    at: new Date(now).toISOString(),
    ...(approver === undefined
      ? { by: policyName, reason }
      : { by: approver, reason: `${policyName}: ${reason}`, bind: true })
  })
  const { observed } = profile.status ?? {}
  return {
    ...approved,
    status: { ...approved.status, ...(observed === undefined ? {} : { observed }) }
  }
}
