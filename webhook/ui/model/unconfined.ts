import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { plural } from '../../../src/lib/plural.js'
import { keyOf } from './derived.js'
import type { UiSources } from './sources.js'

/** Unconfined is the running containers of one workload, or of those without a profile in a namespace, that have no filter. */
export interface Unconfined {
  namespace: string
  /** `Deployment/web`; '' where no profile learns from them. */
  workload: string
  /** The profile that learns from them, as `namespace/name`; '' without one. */
  profile: string
  containers: number
}

/** UnconfinedSums tells those that wait for a decision from the others. */
export interface UnconfinedSums {
  open: Unconfined[]
  /** Containers of workloads that people left in learn, or moved back to it, and of pods that opt out where that counts. */
  decided: number
}

/** Whether somebody decided that a workload is only recorded. */
const staysInLearn = (profile: SeccompProfile | undefined): boolean =>
  profile?.spec.ladder?.mode === 'learn' && profile.spec.ladder.canary === undefined

/** Returns the containers without a filter, by workload, most first. Those of which a rule asks for one are listed as not protected. */
export function unconfinedOf({
  containers,
  profiles
}: Pick<UiSources, 'containers' | 'profiles'>): UnconfinedSums {
  const groups = [...(containers()?.groups() ?? [])].filter(
    ({ counts }) => counts.states.unconfined > 0
  )
  const known = new Map(groups.length === 0 ? [] : profiles().map((one) => [keyOf(one), one]))
  const sums: UnconfinedSums = { open: [], decided: 0 }
  for (const { namespace, profile, items } of groups) {
    const all = [...items.values()].filter(
      ({ state, unprotected, drift }) =>
        state === 'unconfined' && unprotected === null && drift.length === 0
    )
    const own = all.filter(({ optedOut }) => !optedOut)
    sums.decided += all.length - own.length
    const [first] = own
    if (first === undefined) continue
    if (staysInLearn(known.get(profile))) sums.decided += own.length
    else {
      const who = known.has(profile)
        ? { workload: first.workload, profile }
        : { workload: '', profile: '' }
      sums.open.push({ namespace, ...who, containers: own.length })
    }
  }
  sums.open.sort((a, b) => b.containers - a.containers || (a.workload < b.workload ? -1 : 1))
  return sums
}

/** Returns what an all-clear says of containers that are left without a filter; '' where there are none. */
export const decidedText = (decided: number): string =>
  decided === 0
    ? ''
    : `${plural(decided, 'container stays', 'containers stay')} unconfined, as decided`
