import { rootNamespace } from '../../api/names.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { toSeccoError } from '../../lib/errors.js'
import { planApproval } from './approve.js'
import type { Resolve } from '../render/approved.js'
import { type Completeness, completenessOf } from './completeness.js'
import { type DeniedCall, withoutUndecided } from './denied-calls.js'
import { decideNext } from './evidence.js'
import type { NodeLoss } from './lost-calls.js'
import {
  containerFileOf,
  labelModeText,
  newContainerText,
  newPodsText,
  runningCommand
} from './new-pods.js'
import { type Promotion, promotionOf } from './promotion.js'
import { type SingleSource, singleSourceCalls } from './quorum.js'
import { renderProfile } from '../render/render.js'
import { type RiskReport, riskReport } from './risk-score.js'
import { whyLines } from '../policy/why.js'
import { approvedStartRisk, isOutside } from './start-risk.js'
import { abis } from '../../syscalls/abi.js'

export type RiskOf = RiskReport & { of: 'approved' | 'observed' }

/** Everything that a person reviews before an approval. */
export interface Review extends Completeness {
  /** Risk of the approved part as it renders; before the first approval, of what an approval would give. */
  risk: RiskOf | undefined
  /** Why the profile cannot be rendered, and so has no risk to show. */
  problem?: string
  /** Only with spec.promote. */
  promotion?: Promotion
  /** Risky calls that one node alone reports. */
  lonely: SingleSource[]
  next: string
}

/** Reasons of a rendering that need no observation: the start, siblings, and what others say. */
const needed = /^(base:|family|extends:|enosys|ENOSYS)/

/** The costly part of a review; it depends on what the profile and its parents say, not on the time. */
export function riskOfProfile(profile: SeccompProfile, resolve: Resolve): RiskOf {
  const observed = abis.flatMap((abi) => profile.status?.observed?.[abi] ?? [])
  const approved = profile.spec.seccomp !== undefined
  const subject: SeccompProfile = approved
    ? profile
    : {
        ...profile,
        spec: {
          ...profile.spec,
          seccomp: {
            defaultAction: 'SCMP_ACT_ERRNO',
            syscalls: observed.length === 0 ? [] : [{ names: observed, action: 'SCMP_ACT_ALLOW' }]
          }
        }
      }
  const { seccomp, provenance } = renderProfile(subject, { mode: 'enforce', resolve })
  const there = Object.entries(whyLines(provenance))
    .filter(([, reasons]) => reasons.some((reason) => needed.test(reason)))
    .map(([name]) => name)
  return {
    of: approved ? 'approved' : 'observed',
    ...riskReport(seccomp, { observed, needed: there })
  }
}

/** The mode of a rule that names a profile (src/confinement/rule-mode.ts); undefined: none does. */
type RuleMode = 'audit' | 'enforce' | undefined

/** Evidence that many workloads can never give. */
const optional: readonly string[] = ['nodes', 'kernels', 'image', 'probe']

/** The next step where nothing was recorded. */
export const learnNext =
  'label its pods secco.dev/learn: "true" (or write a rule with mode: learn) and let the workload run'

function nextStep(
  profile: SeccompProfile,
  { evidence }: Completeness,
  facts: { ruleMode: RuleMode; resolve: Resolve; denied: readonly DeniedCall[] }
): string {
  const { ruleMode, resolve, denied } = facts
  const { namespace = rootNamespace, name } = profile.metadata
  const full = `${namespace}/${name}`
  const { observed = {}, conditions = [], nodes } = profile.status ?? {}
  if (
    abis.every((abi) => (observed[abi] ?? []).length === 0) &&
    profile.spec.seccomp === undefined
  ) {
    return learnNext
  }
  const missing =
    evidence.find(({ bad }) => bad === true) ??
    evidence.find(({ ok, item }) => !ok && !optional.includes(item))
  const first = missing?.next === undefined ? '' : `${missing.next} (${missing.detail}); then `
  if (planApproval(withoutUndecided(profile, denied)).adds.length > 0) {
    return `${first}review \`secco diff ${full}\` and approve with \`secco profile approve ${full}\``
  }
  if (profile.spec.seccomp === undefined)
    return `${first}approve with \`secco profile approve ${full}\``
  const ready = conditions.find(({ type }) => type === 'Ready')
  if (ready === undefined)
    return `see its revision arrive with \`secco get profiles -n ${namespace}\``
  if (ready.status !== 'True' || nodes === undefined || nodes.total === 0) {
    return `see how many nodes lack the revision with \`secco get profiles -n ${namespace}\``
  }
  return deniedFirst(namespace, evidence) + whoGetsIt(profile, { ruleMode, resolve })
}

/** Returns what comes before anything else where denied calls wait for a decision. */
function deniedFirst(namespace: string, evidence: Completeness['evidence']): string {
  const denied = evidence.find(
    ({ item, ok, next }) => item === 'denied' && !ok && next === decideNext
  )
  return denied === undefined
    ? ''
    : `decide about each denied call with \`${runningCommand(namespace, 'secco denials')}\` (${denied.detail}); `
}

/** Returns which new pods or containers get an approved profile that the nodes have, and how others do. */
function whoGetsIt(
  profile: SeccompProfile,
  { ruleMode, resolve }: { ruleMode: RuleMode; resolve: Resolve }
): string {
  const { namespace = rootNamespace, name } = profile.metadata
  const full = `${namespace}/${name}`
  const { ladder, workload } = profile.spec
  const assigned = { namespace, name, workloadKind: workload?.kind ?? '' }
  if (ladder !== undefined && ladder.mode !== 'learn')
    return `${newPodsText(assigned, ladder)}; see what runs with \`${runningCommand(namespace)}\``
  // Outside Kubernetes nothing assigns a profile: a container has the file that it was created with.
  if (isOutside(profile)) {
    const file = containerFileOf(profile, ruleMode, () => approvedStartRisk(profile, resolve))
    // A profile that only learns goes to audit first.
    return newContainerText(assigned, file.mode === 'learn' ? { mode: 'audit' } : file)
  }
  const labelled = labelModeText(profile)
  const byLabel = labelled === undefined ? '' : `; ${labelled}`
  return (
    `pods that are learned get it by \`secco promote ${full} audit --reason WHY\`, ` +
    `others by the label secco.dev/profile: ${name} or by a rule${byLabel}`
  )
}

/**
 * Completeness, risk, policy and the next step of a profile. Pure; `now` in ms. `riskFor`: for those who
 * remember risks. `denied`: the calls that are denied now or would be, also the muted ones, `nodes`: what nodes did not
 * record, where that is known.
 * `ruleMode`: the mode in which a rule gives the profile.
 */
export function reviewOf(
  profile: SeccompProfile,
  now: number,
  resolve: Resolve,
  riskFor = riskOfProfile,
  denied?: readonly DeniedCall[],
  nodes?: readonly NodeLoss[],
  ruleMode?: RuleMode
): Review {
  const completeness = completenessOf(profile, now, denied, nodes)
  let risk: RiskOf | undefined
  let problem: string | undefined
  try {
    risk = riskFor(profile, resolve)
  } catch (error) {
    // With a missing parent or a cycle, the rest of the review must still be shown.
    problem = toSeccoError(error).message
  }
  return {
    ...completeness,
    risk,
    ...(problem === undefined ? {} : { problem }),
    ...(profile.spec.promote === undefined ? {} : { promotion: promotionOf(profile, now, denied) }),
    lonely: singleSourceCalls(profile),
    next: nextStep(profile, completeness, { ruleMode, resolve, denied: denied ?? [] })
  }
}
