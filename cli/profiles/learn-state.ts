import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { lastNewMs } from '../../src/seccomp/review/counted-instances.js'
import { evidenceOf } from '../../src/seccomp/review/evidence.js'
import type { EvidenceItem } from '../../src/seccomp/review/evidence-item.js'
import type { ObjectRef, Store } from '../../src/store/store.js'
import type { Abi } from '../../src/syscalls/abi.js'
import type { SyscallSet } from '../../src/syscalls/syscall-set.js'
import type { Recorded } from '../../webhook/hub/hub-types.js'
import type { Hub } from '../hubs/hub.js'
import type { Io } from '../lib/io.js'

/** Baseline is what a file says that a workload may call. */
interface Baseline {
  path: string
  set: SyscallSet
  /** The profile that it was made of, as `namespace/name`, where the file says it. */
  owner?: string | undefined
}

export interface LearnArgs {
  ref: ObjectRef
  /** The test command; empty: only checks the evidence. */
  command: readonly string[]
  untilConfident: boolean
  /** Required items of evidence; see `secco profile show`. */
  require: readonly string[]
  /** A person named these items, so that nothing is proven without them. */
  isRequired: boolean
  /** Time without new syscalls, in ms. */
  quietMs: number
  timeoutMs: number
  baseline: Baseline | undefined
  output: 'table' | 'json' | 'yaml'
}

export interface LearnDependencies {
  io: Io
  store: Pick<Store, 'get' | 'list'>
  /** Opens the hub, which has to run whenever something is to be proven. */
  hub: () => Promise<Pick<Hub, 'ask' | 'follow' | 'list'>>
  now: () => number
  signal: AbortSignal
}

/** Returns `namespace/name` of the profile. */
export const keyOf = ({ namespace, name }: ObjectRef): string => `${namespace}/${name}`

/** Doubt is why a run proves nothing about its workload. */
export interface Doubt {
  reason: string
  /** The next step. */
  next: string
  /** For how long after the command what is missing may still come, in ms. */
  waitMs: number
  /** A container failed under its own profile: whatever else is said, this comes first. */
  hasFailed?: true
}

/** DeniedCall is a call that was made and that a filter denied, or logged because enforce would deny it. */
export interface DeniedCall {
  /** Undefined where the node did not report it. */
  abi: Abi | undefined
  name: string
  /** What the caller got: EPERM, SIGSYS, logged; ? where it is not known. */
  answer: string
}

/** RunDenials is which calls were denied in the run, and why some may be missing. */
export interface RunDenials {
  calls: readonly DeniedCall[]
  doubt: Doubt | undefined
}

export interface LearnState {
  profile: SeccompProfile | undefined
  missing: EvidenceItem[]
  /** What the store lacked just before the profile was read; undefined: that is not known. */
  recorded: Recorded | undefined
  /** The calls that were denied; of the run where a command ran. */
  denied: RunDenials
}

/** For a run in which nobody asks what was denied. */
export const noneAsked: RunDenials = { calls: [], doubt: undefined }

export async function stateOf(
  { store, now }: LearnDependencies,
  args: LearnArgs,
  { recorded, denied }: Pick<LearnState, 'recorded' | 'denied'>
): Promise<LearnState> {
  const profile = await store.get('SeccompProfile', args.ref)
  if (profile === undefined) {
    const next = 'let its container start while its node records'
    return {
      ...{ profile, recorded, denied },
      missing: [{ item: 'abis', ok: false, detail: 'nothing was observed yet', next }]
    }
  }
  // What was denied and lost in the run is judged apart (learn-evidence.ts).
  const missing = evidenceOf(profile, now(), [], []).filter(
    ({ item, ok }) => !ok && args.require.includes(item)
  )
  const last = lastNewMs(profile)
  const quiet = last === undefined ? 0 : now() - last
  if (quiet < args.quietMs) {
    const detail = `something new came ${Math.round(quiet / 1000)} s ago`
    missing.push({
      item: 'quiet',
      ok: false,
      detail,
      next: `wait until nothing comes for ${args.quietMs / 1000} s`
    })
  }
  return { profile, missing, recorded, denied }
}
