import type { DenialDetail as KernelDetail } from '../../native/types.js'
import type { DeniedValue, SyscallCount } from '../../src/api/gen/hub.js'
import type { Abi } from '../../src/syscalls/abi.js'
import type { Denial } from '../../src/seccomp/filter/denied.js'
import type { CallVerdict } from '../../src/seccomp/filter/verdict.js'
import { libcFallbackOf } from '../../src/seccomp/policy/libc-fallbacks.js'
import { syscallName } from '../../src/syscalls/syscall-table.js'
import { abiOf } from '../lib/abi-of.js'
import type { ProfileVerdicts } from './verdict-cache.js'

const ENOSYS = 38
/** Values of one call in a report: a program chooses them. */
const mostValues = 16

/** The kernel's newest notes of one slot: by `abi name`, and by arguments too if these decide the call. */
export type KernelDetails = Map<string, KernelDetail>

/** A denial with the newest note of it, if there is one. */
export interface DetailedDenial {
  denial: Denial
  detail: KernelDetail | undefined
  /** Where arguments decide: a note for each of their values, the newest last. */
  values?: readonly KernelDetail[]
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

/** Returns one note of calls that are the same: the newest one, with all their calls and the time of the first. */
function joinedNote(before: KernelDetail | undefined, detail: KernelDetail): KernelDetail {
  if (before === undefined) return detail
  const newest = before.at > detail.at ? before : detail
  const firstAt = before.firstAt < detail.firstAt ? before.firstAt : detail.firstAt
  const succeeded = before.succeeded + detail.succeeded
  return { ...newest, firstAt, succeeded, count: before.count + detail.count }
}

/** Returns a note with those arguments alone that the profile reads: the kernel side notes what any profile reads. */
function withOwnArguments(detail: KernelDetail, asked: number): KernelDetail {
  const own = detail.arguments?.map((arg, index) => ((asked >> index) & 1 ? arg : undefined))
  return own === undefined ? detail : { ...detail, arguments: own }
}

/** Returns the calls whose arguments decided, by name and action, each with its values. */
export function deniedByArguments(
  details: KernelDetails,
  profile: ProfileVerdicts,
  machine: Abi
): DetailedDenial[] {
  const found = new Map<string, { denial: Denial; values: Map<string, KernelDetail> }>()
  for (const noted of details.values()) {
    if (noted.arguments === undefined) continue
    const verdict = verdictOn(noted, profile, machine)
    if (verdict.kind === 'allowed' || verdict.kind === 'conditional') continue
    const abi = abiOf(noted.abi, machine)
    const syscall = syscallName(abi, noted.nr)
    const key = `${abi} ${syscall} ${verdict.action}`
    const detail = withOwnArguments(noted, profile.byArguments.asked(abi, syscall))
    const { values } = found.get(key) ?? { values: new Map<string, KernelDetail>() }
    const value = argumentsText(detail)
    values.set(value, joinedNote(values.get(value), detail))
    found.set(key, { denial: { abi, syscall, ...verdict, count: 0 }, values })
  }
  return [...found.values()].map(({ denial, values }) => {
    const notes = [...values.values()].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    const detail = notes.reduce(joinedNote)
    return { denial: { ...denial, count: detail.count }, detail, values: notes }
  })
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

function errnoOf(
  { denial, detail }: Omit<DetailedDenial, 'values'>,
  profile: ProfileVerdicts
): number {
  if (denial.action !== 'SCMP_ACT_ERRNO') return 0
  if (detail !== undefined && detail.result < 0) return -detail.result
  // For a call that the profile does not name, a runtime may answer ENOSYS instead (see above).
  return detail === undefined && profile.named.has(denial.syscall) ? (denial.errno ?? 0) : 0
}

/** Arguments as the audit log prints them; `?` for one that was not read. */
function argumentsText({ arguments: args = [] }: Pick<KernelDetail, 'arguments'>): string {
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
  const { denial, detail, values } = detailed
  const { abi, syscall, action, count } = denial
  const valueOf = (note: KernelDetail): DeniedValue => ({
    arguments: argumentsText(note),
    count: note.count,
    errno: errnoOf({ denial, detail: note }, profile),
    pid: note.pid,
    comm: note.comm,
    at: timeOf(note.at),
    firstAt: timeOf(note.firstAt)
  })
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
      arguments: argumentsText(detail ?? {}),
      ...(values === undefined
        ? {}
        : { values: { values: values.slice(-mostValues).map(valueOf) } })
    }
  }
}
