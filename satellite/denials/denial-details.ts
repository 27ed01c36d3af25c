import type { DenialDetail as KernelDetail } from '../../native/types.js'
import type { SyscallCount } from '../../src/api/gen/hub.js'
import type { Abi } from '../../src/syscalls/abi.js'
import type { Denial } from '../../src/seccomp/filter/denied.js'
import type { CallVerdict } from '../../src/seccomp/filter/verdict.js'
import { libcFallbackOf } from '../../src/seccomp/policy/libc-fallbacks.js'
import { syscallName } from '../../src/syscalls/syscall-table.js'
import { abiOf } from '../lib/abi-of.js'
import type { ProfileVerdicts } from './verdict-cache.js'

const ENOSYS = 38

/** The kernel's newest notes of one slot: by `abi name`, and by arguments too if these decide the call. */
export type KernelDetails = Map<string, KernelDetail>

/** A denial with the newest note of it, if there is one. */
export interface DetailedDenial {
  denial: Denial
  detail: KernelDetail | undefined
}

/** The key of a note in KernelDetails. */
export function detailKey({ abi, nr, arguments: args }: KernelDetail, machine: Abi): string {
  const own = abiOf(abi, machine)
  const name = `${own} ${syscallName(own, nr)}`
  return args === undefined ? name : `${name} ${args.map(String).join()}`
}

/**
 * Rules may overlap, and one of them decides the call. A call that returned something else than the verdict's
 * errno was not denied by it.
 */
function matchesResult(verdict: CallVerdict, { abi, nr, result }: KernelDetail): boolean {
  if (verdict.kind !== 'denied' && verdict.kind !== 'expected') return true
  if (verdict.errno !== undefined) return result === -verdict.errno
  // TRAP and KILL leave the syscall number in the result register; x32 numbers have an extra bit.
  return result === nr || (abi === 'x32' && (result & 0xffff) === nr)
}

/** What the profile does with the calls that a note is about. */
export function verdictOn(
  detail: KernelDetail,
  { of, byArguments }: ProfileVerdicts,
  machine: Abi
): CallVerdict {
  const abi = abiOf(detail.abi, machine)
  const name = syscallName(abi, detail.nr)
  if (detail.arguments === undefined) return of(abi, name)
  const verdict = byArguments.of(abi, name, detail.arguments)
  return matchesResult(verdict, detail) ? verdict : { kind: 'allowed' }
}

/** The calls whose arguments decided, by name and action. */
export function deniedByArguments(
  details: KernelDetails,
  profile: ProfileVerdicts,
  machine: Abi
): DetailedDenial[] {
  const found = new Map<string, { denial: Denial; detail: KernelDetail }>()
  for (const detail of details.values()) {
    if (detail.arguments === undefined) continue
    const verdict = verdictOn(detail, profile, machine)
    if (verdict.kind === 'allowed' || verdict.kind === 'conditional') continue
    const abi = abiOf(detail.abi, machine)
    const syscall = syscallName(abi, detail.nr)
    const key = `${abi} ${syscall} ${verdict.action}`
    const before = found.get(key)
    const count = detail.count + (before?.denial.count ?? 0)
    const newest = before !== undefined && before.detail.at > detail.at ? before.detail : detail
    const first =
      before !== undefined && before.detail.firstAt < detail.firstAt ? before.detail : detail
    found.set(key, {
      denial: { abi, syscall, ...verdict, count },
      detail: { ...newest, firstAt: first.firstAt }
    })
  }
  return [...found.values()]
}

/** A denied call that succeeded. LOG allows calls, and errno 0 is a success on purpose. */
export function isMismatch({ denial, detail }: DetailedDenial): boolean {
  return denial.kind !== 'logged' && denial.errno !== 0 && (detail?.succeeded ?? 0) > 0
}

function isExpected({ denial, detail }: DetailedDenial): boolean {
  if (denial.kind === 'expected') return true
  // runc itself answers ENOSYS for numbers above the highest one that a profile names.
  const isNoCall = denial.kind === 'denied' && detail?.result === -ENOSYS
  return isNoCall && libcFallbackOf(denial.syscall) !== undefined
}

function errnoOf({ denial, detail }: DetailedDenial, profile: ProfileVerdicts): number {
  if (denial.action !== 'SCMP_ACT_ERRNO') return 0
  if (detail !== undefined && detail.result < 0) return -detail.result
  // For a call that the profile does not name, a runtime may answer ENOSYS instead (see above).
  return detail === undefined && profile.named.has(denial.syscall) ? (denial.errno ?? 0) : 0
}

/** Arguments as the audit log prints them; `?` for one that was not read. */
function argumentsText(args: NonNullable<KernelDetail['arguments']>): string {
  const last = args.findLastIndex((arg) => arg !== undefined)
  return args
    .slice(0, last + 1)
    .map((arg) => (arg === undefined ? '?' : `0x${arg.toString(16)}`))
    .join(' ')
}

/** The denial as the hub's messages describe it. */
export function toSyscallCount(
  detailed: DetailedDenial,
  profile: ProfileVerdicts,
  timeOf: (monotonic: bigint) => string
): SyscallCount {
  const { denial, detail } = detailed
  const { abi, syscall, action, count } = denial
  const isSignal = denial.kind === 'denied' && action !== 'SCMP_ACT_ERRNO'
  return {
    name: syscall,
    action,
    count,
    detail: {
      abi,
      errno: errnoOf(detailed, profile),
      signal: isSignal ? 'SIGSYS' : '',
      pid: detail?.pid ?? 0,
      comm: detail?.comm ?? '',
      ...(detail === undefined
        ? { at: '' }
        : { at: timeOf(detail.at), firstAt: timeOf(detail.firstAt) }),
      expected: isExpected(detailed),
      succeeded: denial.kind === 'logged' ? 0 : (detail?.succeeded ?? 0),
      arguments: argumentsText(detail?.arguments ?? [])
    }
  }
}
