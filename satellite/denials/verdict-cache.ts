import type { AbiClass, Deciding } from '../../native/types.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import type { Abi } from '../../src/syscalls/abi.js'
import {
  type ArgumentVerdicts,
  argumentVerdictsOf
} from '../../src/seccomp/filter/argument-verdict.js'
import { rulesOf } from '../../src/seccomp/policy/normal-form.js'
import { syscallName } from '../../src/syscalls/syscall-table.js'
import { type CallVerdicts, verdictsOf } from '../../src/seccomp/filter/verdict.js'
import { abiClasses, abiOf } from '../lib/abi-of.js'

/** What a profile does with every syscall number, computed once for all containers that run under it. */
export interface ProfileVerdicts {
  of: CallVerdicts
  /** Numbers that are denied or logged whatever their arguments are, as Recorder.watchDenials takes them. */
  denied: Record<AbiClass, number[]>
  /** CallVerdicts on the other calls by their arguments, and the numbers where arguments decide. */
  byArguments: ArgumentVerdicts
  deciding: Deciding
  /** Names that the profile has rules for: their errno comes from the profile. */
  named: ReadonlySet<string>
}

/** Numbers per class that the kernel side counts (native/shared/recorder.h). */
const numbers: Record<AbiClass, number> = { native: 512, compat: 512, x32: 576 }
/** A node has few profiles and thousands of containers. */
const mostProfiles = 256

/** Remembers each verdict. That is bounded: callers take the names from the syscall tables. */
function cached(verdicts: CallVerdicts): CallVerdicts {
  const known = new Map<Abi, Map<string, ReturnType<CallVerdicts>>>()
  return (abi, name) => {
    const before = known.get(abi)?.get(name)
    if (before !== undefined) return before
    const own = known.get(abi) ?? new Map<string, ReturnType<CallVerdicts>>()
    known.set(abi, own)
    const verdict = verdicts(abi, name)
    own.set(name, verdict)
    return verdict
  }
}

function deniedBy(verdicts: CallVerdicts, machine: Abi): Record<AbiClass, number[]> {
  const denied: Record<AbiClass, number[]> = { native: [], compat: [], x32: [] }
  for (const kind of abiClasses) {
    const abi = abiOf(kind, machine)
    for (let nr = 0; nr < numbers[kind]; nr += 1) {
      const { kind: verdict } = verdicts(abi, syscallName(abi, nr))
      if (verdict !== 'allowed' && verdict !== 'conditional') denied[kind].push(nr)
    }
  }
  return denied
}

/** True if the profile reports calls that succeed (LOG, or errno 0): the kernel side then notes every result. */
function reportsSuccess(seccomp: LinuxSeccomp): boolean {
  const { defaultAction: action, defaultErrnoRet: errnoRet } = seccomp
  return [{ action, errnoRet }, ...rulesOf(seccomp)].some(
    (one) =>
      one.action === 'SCMP_ACT_LOG' || (one.action === 'SCMP_ACT_ERRNO' && one.errnoRet === 0)
  )
}

function decidingIn(seccomp: LinuxSeccomp, own: ArgumentVerdicts, machine: Abi): Deciding {
  const calls = abiClasses.flatMap((kind) => {
    const abi = abiOf(kind, machine)
    return [...Array(numbers[kind]).keys()].flatMap((nr) => {
      const asked = own.asked(abi, syscallName(abi, nr))
      return asked === 0 ? [] : [{ abi: kind, nr, asked }]
    })
  })
  return { calls, anyResult: reportsSuccess(seccomp) }
}

function compute(seccomp: LinuxSeccomp, machine: Abi): ProfileVerdicts | undefined {
  try {
    const of = cached(verdictsOf(seccomp, machine))
    const named = new Set((seccomp.syscalls ?? []).flatMap(({ names }) => names))
    const byArguments = argumentVerdictsOf(seccomp, machine)
    const deciding = decidingIn(seccomp, byArguments, machine)
    return { of, denied: deniedBy(of, machine), byArguments, deciding, named }
  } catch {
    // Not a seccomp profile inside: no runtime made a filter from it.
    return undefined
  }
}

/** Returns a function that computes a profile's verdicts, once for each text of a profile. */
export function createVerdictCache(
  machine: Abi
): (seccomp: LinuxSeccomp) => ProfileVerdicts | undefined {
  const byObject = new WeakMap<LinuxSeccomp, ProfileVerdicts>()
  const byText = new Map<string, ProfileVerdicts>()
  return (seccomp) => {
    const known = byObject.get(seccomp)
    if (known !== undefined) return known
    const text = JSON.stringify(seccomp)
    let found = byText.get(text)
    if (found === undefined) {
      found = compute(seccomp, machine)
      if (found === undefined) return undefined
      byText.set(text, found)
      dropOldest(byText, mostProfiles)
    }
    byObject.set(seccomp, found)
    return found
  }
}
