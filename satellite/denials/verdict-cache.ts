import type { AbiClass, Deciding } from '../../native/types.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import type { Abi } from '../../src/syscalls/abi.js'
import {
  type ArgumentVerdicts,
  argumentVerdictsOf
} from '../../src/seccomp/filter/argument-verdict.js'
import { rulesOf } from '../../src/seccomp/policy/normal-form.js'
import { syscallName } from '../../src/syscalls/syscall-table.js'
import { type CallVerdicts, verdictsOf } from '../../src/seccomp/filter/verdict.js'
import { abiClasses, abiOf } from '../lib/abi-of.js'

/** What a profile says of every number, worked out once for all containers that run under it. */
export interface ProfileVerdicts {
  of: CallVerdicts
  /** Numbers that it refuses or logs by number alone, as Recorder.watchDenials takes them. */
  refused: Record<AbiClass, number[]>
  /** Of the others: what becomes of a call by its arguments, and the numbers where these decide. */
  byArguments: ArgumentVerdicts
  deciding: Deciding
  /** Names that it has rules for: what they are answered with is the profile's own word. */
  named: ReadonlySet<string>
}

/** Numbers per class that the kernel side counts (native/shared/recorder.h). */
const numbers: Record<AbiClass, number> = { native: 512, compat: 512, x32: 576 }
/** A node runs few profiles, thousands of containers. */
const mostProfiles = 256

/** As many as there are numbers: whoever asks has the names from the tables. */
function workedOutOnce(verdicts: CallVerdicts): CallVerdicts {
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

function refusedBy(verdicts: CallVerdicts, machine: Abi): Record<AbiClass, number[]> {
  const refused: Record<AbiClass, number[]> = { native: [], compat: [], x32: [] }
  for (const kind of abiClasses) {
    const abi = abiOf(kind, machine)
    for (let nr = 0; nr < numbers[kind]; nr += 1) {
      const { kind: verdict } = verdicts(abi, syscallName(abi, nr))
      if (verdict !== 'allowed' && verdict !== 'conditional') refused[kind].push(nr)
    }
  }
  return refused
}

/** What is let through and told of all the same: the kernel side then looks at every result. */
function tellsOfPassed(seccomp: LinuxSeccomp): boolean {
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
  return { calls, anyResult: tellsOfPassed(seccomp) }
}

function work(seccomp: LinuxSeccomp, machine: Abi): ProfileVerdicts | undefined {
  try {
    const of = workedOutOnce(verdictsOf(seccomp, machine))
    const named = new Set((seccomp.syscalls ?? []).flatMap(({ names }) => names))
    const byArguments = argumentVerdictsOf(seccomp, machine)
    const deciding = decidingIn(seccomp, byArguments, machine)
    return { of, refused: refusedBy(of, machine), byArguments, deciding, named }
  } catch {
    // A configuration on disk that is no seccomp profile inside: no runtime made a filter of it.
    return undefined
  }
}

/** Gives a profile's verdicts; the same text of a profile is worked out once. */
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
      found = work(seccomp, machine)
      if (found === undefined) return undefined
      byText.set(text, found)
      const [oldest] = byText.keys()
      if (byText.size > mostProfiles && oldest !== undefined) byText.delete(oldest)
    }
    byObject.set(seccomp, found)
    return found
  }
}
