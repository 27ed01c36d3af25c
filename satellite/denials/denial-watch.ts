import type { DenialDetail as KernelDetail, Recorder, Slot } from '../../native/types.js'
import type { AbiCounts, Condition, SyscallCount } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import type { Abi } from '../../src/syscalls/abi.js'
import { deniedOf, type Denial } from '../../src/seccomp/filter/denied.js'
import { probedNames } from '../../src/seccomp/policy/probes.js'
import type { SyscallCounts } from '../../src/syscalls/syscall-set.js'
import { syscallName } from '../../src/syscalls/syscall-table.js'
import type { CallVerdict } from '../../src/seccomp/filter/verdict.js'
import { abiOf } from '../lib/abi-of.js'
import type { AuditedCalls } from './audited-calls.js'
import type { Container } from '../containers/runtime.js'
import { pacedGrowth } from '../lib/paced-growth.js'
import { keyOf } from '../recorder/slots/tracked.js'
import { createVerdictCache, type ProfileVerdicts } from './verdict-cache.js'

const ENOSYS = 38
/** Slots without a known profile of which notes are kept; they are named within seconds. */
const mostEarly = 4096

/** What is refused in every slot, with what the kernel side and the audit log can tell of it. */
export interface DenialWatch {
  /** The container's configuration is known now: the kernel is told what its profile refuses. */
  follow(slot: Slot, container: Container): void
  /** Reads what the kernel side noted since; nothing where that is nothing. */
  refresh(): void
  /** Slots whose refused calls grew since this was asked last, however little: `index.generation`. */
  more(): string[]
  /** The next `more` gives every slot with refused calls: a hub that was restarted has to hear of them. */
  fromBeginning(): void
  /** Slots whose refused calls grew since they were given last, and it is time to say so: `index.generation`. */
  grown(nowMs: number): string[]
  /** Exact counts of what was refused, or let through and logged, per ABI and name. */
  denied(slot: Slot, abis: readonly AbiCounts[], container: Container): SyscallCount[]
  /** False: nothing is known of the filter that the container has, if it has one. */
  knows(container: Container): boolean
  forget(slot: Slot): void
  /** A refused call that succeeded: another filter is enforced than the one that is configured. */
  conditions(): Condition[]
}

interface Followed {
  key: string
  profile: ProfileVerdicts
  /** `abi name`, and where its arguments decide these too → newest from the kernel. */
  details: Map<string, KernelDetail>
  /** Refused calls, the expected ones left out. */
  total: number
  /** What `more` saw last. */
  told: number
  growth: ReturnType<typeof pacedGrowth>
  name: string
}

function isExpected(denial: Denial, detail: KernelDetail | undefined): boolean {
  if (denial.kind === 'expected') return true
  // runc answers ENOSYS by itself for numbers above the highest one that a profile names.
  return denial.kind === 'refused' && detail?.result === -ENOSYS && probedNames.has(denial.syscall)
}

function errnoOf(
  denial: Denial,
  detail: KernelDetail | undefined,
  profile: ProfileVerdicts
): number {
  if (denial.action !== 'SCMP_ACT_ERRNO') return 0
  if (detail !== undefined && detail.result < 0) return -detail.result
  // Of what a profile does not name a runtime may answer ENOSYS instead (above): that is not known.
  return detail === undefined && profile.named.has(denial.syscall) ? (denial.errno ?? 0) : 0
}

/** Rules that overlap are answered by one of them: a call that came back otherwise was not refused by this one. */
function isAnswer(verdict: CallVerdict, { abi, nr, result }: KernelDetail): boolean {
  if (verdict.kind !== 'refused' && verdict.kind !== 'expected') return true
  if (verdict.errno !== undefined) return result === -verdict.errno
  // TRAP and KILL leave the number where the result is; x32's has its bit.
  return result === nr || (abi === 'x32' && (result & 0xffff) === nr)
}

/** As the audit log has them: `?` for one that was not looked at. */
function argumentsText(args: NonNullable<KernelDetail['arguments']>): string {
  const last = args.findLastIndex((arg) => arg !== undefined)
  return args
    .slice(0, last + 1)
    .map((arg) => (arg === undefined ? '?' : `0x${arg.toString(16)}`))
    .join(' ')
}

/** A refusal that came back with success; LOG lets calls through, and errno 0 is a success on purpose. */
function isMismatch(denial: Denial, detail: KernelDetail | undefined): boolean {
  return denial.kind !== 'logged' && denial.errno !== 0 && (detail?.succeeded ?? 0) > 0
}

/** Of most containers nothing is refused, and nothing has to be made for them. */
function countsNotAllowed(
  abis: readonly AbiCounts[],
  verdicts: ProfileVerdicts['of']
): SyscallCounts | undefined {
  let found: SyscallCounts | undefined
  for (const { abi, syscalls } of abis) {
    // The names come of the tables: each ABI of them is one of Secco's.
    const own = abi as Abi
    // forEach: an iterator makes an object for each call.
    syscalls.forEach(({ name, count }) => {
      if (verdicts(own, name).kind === 'allowed') return
      found ??= {}
      const counts = (found[own] ??= {})
      counts[name] = count
    })
  }
  return found
}

export function createDenialWatch(options: {
  recorder: Pick<Recorder, 'watchDenials' | 'newDenials' | 'noted'>
  machine: Abi
  logger: Logger
  timeOf: (monotonic: bigint) => string
  /** What the audit log told of a slot: refusals that depend on arguments. */
  audited?: AuditedCalls
}): DenialWatch {
  const { recorder, machine, logger, timeOf, audited } = options
  const followed = new Map<string, Followed>()
  /** Those of them that the kernel side noted something of. */
  const refusing = new Set<string>()
  /** Noted of slots whose profile is not known yet: what a program asks first. As `details`. */
  const early = new Map<string, Map<string, KernelDetail>>()
  let notedThen = -1
  const verdicts = createVerdictCache(machine)
  const mismatches = new Map<string, Condition>()

  function keyIn({ abi, nr, arguments: args }: KernelDetail): string {
    const own = abiOf(abi, machine)
    const name = `${own} ${syscallName(own, nr)}`
    return args === undefined ? name : `${name} ${args.map(String).join()}`
  }

  /** What became of the calls that a note is about. */
  function verdictOn(detail: KernelDetail, { of, byArguments }: ProfileVerdicts): CallVerdict {
    const abi = abiOf(detail.abi, machine)
    const name = syscallName(abi, detail.nr)
    if (detail.arguments === undefined) return of(abi, name)
    const verdict = byArguments.of(abi, name, detail.arguments)
    return isAnswer(verdict, detail) ? verdict : { kind: 'allowed' }
  }

  /** Noted before the profile was known, calls are there too that it does not refuse. */
  function count(one: Followed): void {
    let total = 0
    for (const detail of one.details.values()) {
      const { kind } = verdictOn(detail, one.profile)
      if (kind === 'refused' || kind === 'logged') total += detail.count
    }
    one.total = total
    if (total > 0) refusing.add(one.key)
  }

  /** Of a slot that comes and goes between two looks nobody says that it is gone. */
  function keepEarly(key: string, details: Map<string, KernelDetail>): void {
    early.set(key, details)
    const [oldest] = early.keys()
    if (early.size > mostEarly && oldest !== undefined) early.delete(oldest)
  }

  function alarm(one: Followed, denial: Denial, succeeded: number): void {
    const key = `${one.name} ${denial.abi} ${denial.syscall}`
    if (mismatches.has(key)) return
    const message = `${denial.syscall} (${denial.abi}) succeeded ${succeeded} times in ${one.name}, whose profile answers ${denial.action}: another filter is in force`
    const lastTransitionTime = new Date().toISOString()
    const status = 'False'
    const reason = 'FilterMismatch'
    mismatches.set(key, { type: 'FiltersMatch', status, reason, message, lastTransitionTime })
    logger.error({ reason, syscall: denial.syscall, abi: denial.abi }, message)
  }

  /** Calls whose arguments decided: of one name, those that one action answered. */
  function deniedByArguments(one: Followed): SyscallCount[] {
    const found = new Map<string, { denial: Denial; newest: KernelDetail }>()
    for (const detail of one.details.values()) {
      if (detail.arguments === undefined) continue
      const verdict = verdictOn(detail, one.profile)
      if (verdict.kind === 'allowed' || verdict.kind === 'conditional') continue
      const abi = abiOf(detail.abi, machine)
      const syscall = syscallName(abi, detail.nr)
      const key = `${abi} ${syscall} ${verdict.action}`
      const before = found.get(key)
      const count = detail.count + (before?.denial.count ?? 0)
      const newest = before !== undefined && before.newest.at > detail.at ? before.newest : detail
      found.set(key, { denial: { abi, syscall, ...verdict, count }, newest })
    }
    return [...found.values()].map(({ denial, newest }) => toCount(denial, one, newest))
  }

  function toCount(denial: Denial, one: Followed, detail: KernelDetail | undefined): SyscallCount {
    const { abi, syscall, action, count } = denial
    if (isMismatch(denial, detail)) alarm(one, denial, detail?.succeeded ?? 0)
    const isSignal = denial.kind === 'refused' && action !== 'SCMP_ACT_ERRNO'
    return {
      name: syscall,
      action,
      count,
      detail: {
        abi,
        errno: errnoOf(denial, detail, one.profile),
        signal: isSignal ? 'SIGSYS' : '',
        pid: detail?.pid ?? 0,
        comm: detail?.comm ?? '',
        at: detail === undefined ? '' : timeOf(detail.at),
        expected: isExpected(denial, detail),
        succeeded: denial.kind === 'logged' ? 0 : (detail?.succeeded ?? 0),
        arguments: argumentsText(detail?.arguments ?? [])
      }
    }
  }

  /** Those with any refused calls, and how many. */
  function growing(): [string, Followed, number][] {
    const audits = audited?.totals() ?? new Map<string, number>()
    if (refusing.size + audits.size === 0) return []
    return [...new Set([...refusing, ...audits.keys()])].flatMap((key) => {
      const one = followed.get(key)
      return one === undefined ? [] : [[key, one, one.total + (audits.get(key) ?? 0)]]
    })
  }

  return {
    follow(slot, container) {
      const key = keyOf(slot)
      if (container.seccomp === undefined || followed.has(key)) return
      const profile = verdicts(container.seccomp)
      if (profile === undefined) return
      const { name } = container
      const details = early.get(key) ?? new Map<string, KernelDetail>()
      early.delete(key)
      const growth = pacedGrowth()
      const one: Followed = { key, profile, details, total: 0, told: 0, growth, name }
      followed.set(key, one)
      recorder.watchDenials(slot.index, slot.generation, profile.refused, profile.deciding)
      count(one)
    },
    refresh() {
      const now = recorder.noted()
      if (now === notedThen) return
      notedThen = now
      const grown = new Set<Followed>()
      for (const detail of recorder.newDenials()) {
        const key = keyOf(detail)
        const one = followed.get(key)
        const details = one?.details ?? early.get(key) ?? new Map<string, KernelDetail>()
        details.set(keyIn(detail), detail)
        if (one !== undefined) grown.add(one)
        else keepEarly(key, details)
      }
      for (const one of grown) count(one)
    },
    more() {
      return growing().flatMap(([key, one, total]) => {
        if (total <= one.told) return []
        one.told = total
        return [key]
      })
    },
    fromBeginning() {
      for (const one of followed.values()) one.told = 0
    },
    grown: (nowMs) =>
      growing().flatMap(([key, one, total]) => (one.growth.isDue(total, nowMs) ? [key] : [])),
    denied(slot, abis, container) {
      if (container.seccomp === undefined) return []
      const profile = verdicts(container.seccomp)
      if (profile === undefined) return []
      const counts = countsNotAllowed(abis, profile.of)
      if (counts === undefined) return audited?.join(slot, [], profile.of) ?? []
      const key = keyOf(slot)
      // Over before it could be followed, its first notes are all.
      const details = early.get(key) ?? new Map<string, KernelDetail>()
      const one = followed.get(key) ?? {
        ...{ key, profile, details, total: 0, told: 0 },
        ...{ growth: pacedGrowth(), name: container.name }
      }
      const byNumber = deniedOf(counts, profile.of).map((denial) =>
        toCount(denial, one, one.details.get(`${denial.abi} ${denial.syscall}`))
      )
      const all = [...byNumber, ...deniedByArguments(one)]
      return audited?.join(slot, all, profile.of) ?? all
    },
    knows: ({ seccomp }) => seccomp !== undefined && verdicts(seccomp) !== undefined,
    forget: (slot) => {
      early.delete(keyOf(slot))
      followed.delete(keyOf(slot))
      refusing.delete(keyOf(slot))
      audited?.forget(slot)
    },
    conditions: () => [...mismatches.values()].slice(0, 16)
  }
}
