import type { NodeLoss } from './lost-calls.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { plural } from '../../lib/plural.js'
import { abis } from '../../syscalls/abi.js'
import type { DeniedCall } from './denied-calls.js'
import { entryInstances } from './counted-instances.js'
import { evidenceOf, namesOf } from './evidence.js'
import type { EvidenceItem, Instance } from './evidence-item.js'
import { type Estimate, estimateUnseen } from './unseen.js'

/** How complete what was observed is: evidence first, then the estimate. */
export interface Completeness {
  evidence: EvidenceItem[]
  /** Over whole instances; start-up and serving apart, where instances tell them apart. */
  estimate: { all: Estimate; startup: Estimate; serving: Estimate }
}

const isWhole = ({ complete, observed = {} }: Instance) =>
  complete && Object.keys(observed).length > 0

/** Calls that only start-up needs, and calls of serving, by instance. */
function strata(instances: readonly Instance[]): { startup: string[][]; serving: string[][] } {
  const phased = instances.filter(({ serving }) => serving !== undefined)
  const serving = phased.map((one) => namesOf(one.serving))
  const served = new Set(serving.flat())
  const startup = phased.map((one) => namesOf(one.observed).filter((name) => !served.has(name)))
  return { startup, serving }
}

/** Evidence and estimate of a profile. Pure; `now` in ms. Never the only gate for anything. See evidenceOf(). */
export function completenessOf(
  profile: SeccompProfile,
  now: number,
  denied?: readonly DeniedCall[],
  nodes?: readonly NodeLoss[]
): Completeness {
  const whole = entryInstances(profile).filter(isWhole)
  const { startup, serving } = strata(whole)
  const observed = profile.status?.observed ?? {}
  const known = abis.flatMap((abi) =>
    (observed[abi] ?? []).map((name) =>
      abi === 'x86_64' || abi === 'aarch64' ? name : `${abi} ${name}`
    )
  )
  return {
    evidence: evidenceOf(profile, now, denied, nodes),
    estimate: {
      all: estimateUnseen(
        whole.map((one) => namesOf(one.observed)),
        known
      ),
      startup: estimateUnseen(startup),
      serving: estimateUnseen(serving)
    }
  }
}

const share = (value: number) => `${(value * 100).toFixed(value > 0.999 && value < 1 ? 2 : 1)} %`

/** One estimate in words. */
export function estimateText(estimate: Estimate): string {
  if ('tooFew' in estimate) {
    return `cannot be estimated yet (${plural(estimate.instances, 'instance')})`
  }
  const { lower, upper, coverage, next, seen, instances } = estimate
  const [least, most] = [Math.floor(lower), Math.ceil(upper)]
  const range = least === most ? plural(most, 'syscall') : `${least} to ${plural(most, 'syscall')}`
  const new_ = next.expected === 0 ? `at most ${next.atMost.toFixed(2)}` : next.expected.toFixed(2)
  return [
    `${range} unseen (95 %) in addition to ${seen} seen in ${instances}`,
    `coverage ${share(coverage)}`,
    `the next instance adds ${new_} new ones`
  ].join('; ')
}
