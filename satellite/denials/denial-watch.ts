import type { DenialDetail, Recorder, Slot } from '../../native/types.js'
import type { AbiCounts, Condition, SyscallCount } from '../../src/api/gen/hub.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import type { Logger } from '../../src/lib/log.js'
import type { Abi } from '../../src/syscalls/abi.js'
import { deniedOf } from '../../src/seccomp/filter/denied.js'
import type { SyscallCounts } from '../../src/syscalls/syscall-set.js'
import type { Container } from '../containers/runtime.js'
import { ReportPace } from '../lib/report-pace.js'
import { slotKey } from '../lib/slot-key.js'
import type { AuditedCalls } from './audited-calls.js'
import {
  deniedByArguments,
  type DetailedDenial,
  detailKey,
  isMismatch,
  type KernelDetails,
  toSyscallCount,
  verdictOn
} from './denial-details.js'
import { createVerdictCache, type ProfileVerdicts } from './verdict-cache.js'

/** Slots without a known profile of which notes are kept; they are named within seconds. */
const mostEarly = 4096
/** At most so many filter mismatches are in the node's status. */
const mostConditions = 16

interface DenialWatchOptions {
  recorder: Pick<Recorder, 'watchDenials' | 'newDenials' | 'noted'>
  machine: Abi
  logger: Logger
  timeOf: (monotonic: bigint) => string
  /** The audit log, for denials that depend on arguments. */
  audited?: AuditedCalls | undefined
}

/** A slot whose profile is known. */
interface WatchedSlot {
  key: string
  containerName: string
  profile: ProfileVerdicts
  details: KernelDetails
  /** Denied calls, without the expected ones. */
  total: number
  /** `total` at the last call of `grown`. */
  seen: number
  pace: ReportPace
}

/** DenialWatch finds what is denied in every slot, with what the kernel side and the audit log noted about it. */
export class DenialWatch {
  readonly #options: DenialWatchOptions
  readonly #verdicts: ReturnType<typeof createVerdictCache>
  readonly #watched = new Map<string, WatchedSlot>()
  /** Keys of the watched slots with denials. */
  readonly #denying = new Set<string>()
  /** Notes of slots whose profile is not known yet: the first calls of a program. */
  readonly #early = new Map<string, KernelDetails>()
  readonly #mismatches = new Map<string, Condition>()
  #notesRead = -1

  constructor(options: DenialWatchOptions) {
    this.#options = options
    this.#verdicts = createVerdictCache(options.machine)
  }

  /** Watches a slot from now on: its container's profile is known, and the kernel side gets what that denies. */
  follow(slot: Slot, container: Container): void {
    const key = slotKey(slot)
    if (container.seccomp === undefined || this.#watched.has(key)) return
    const profile = this.#verdicts(container.seccomp)
    if (profile === undefined) return
    const watched = this.#newSlot(key, profile, container)
    this.#early.delete(key)
    this.#watched.set(key, watched)
    const { recorder } = this.#options
    recorder.watchDenials(slot.index, slot.generation, profile.denied, profile.deciding)
    this.#recount(watched)
  }

  /** Reads the kernel's notes since the last call; cheap if there are none. */
  refresh(): void {
    const { recorder, machine } = this.#options
    const noted = recorder.noted()
    if (noted === this.#notesRead) return
    this.#notesRead = noted
    const changed = new Set<WatchedSlot>()
    for (const detail of recorder.newDenials()) {
      const key = slotKey(detail)
      const watched = this.#watched.get(key)
      const details = watched?.details ?? this.#early.get(key) ?? new Map<string, DenialDetail>()
      const own = detailKey(detail, machine)
      details.set(own, detail)
      if (watched !== undefined) changed.add(watched)
      else this.#keepEarly(key, details)
    }
    for (const watched of changed) this.#recount(watched)
  }

  /** Keys of the slots with more denials than at the last call. */
  grown(): string[] {
    return this.#totals().flatMap(([watched, total]) => {
      if (total <= watched.seen) return []
      watched.seen = total
      return [watched.key]
    })
  }

  /** Makes the next `grown` return every slot with denials: a restarted hub has to get all of them. */
  restart(): void {
    for (const watched of this.#watched.values()) watched.seen = 0
  }

  /** Keys of the slots with more denials than were returned by this before, if it is time to report them. */
  dueForReport(nowMs: number): string[] {
    return this.#totals().flatMap(([watched, total]) =>
      watched.pace.isDue(total, nowMs) ? [watched.key] : []
    )
  }

  /** Exact counts of what was denied, or allowed and logged, per ABI and name. */
  denied(slot: Slot, abis: readonly AbiCounts[], container: Container): SyscallCount[] {
    if (container.seccomp === undefined) return []
    const profile = this.#verdicts(container.seccomp)
    if (profile === undefined) return []
    const { machine, timeOf, audited } = this.#options
    const counts = countsNotAllowed(abis, profile.of)
    if (counts === undefined) return audited?.join(slot, [], profile.of) ?? []
    // A note that is older than the count would give its last call the time of the one before, for good.
    this.refresh()
    const key = slotKey(slot)
    // A slot that ended before it could be watched has only its early notes.
    const watched = this.#watched.get(key) ?? this.#newSlot(key, profile, container)
    const byNumber = deniedOf(counts, profile.of).map(
      (denial): DetailedDenial => ({
        denial,
        detail: watched.details.get(`${denial.abi} ${denial.syscall}`)
      })
    )
    const byArguments = deniedByArguments(watched.details, watched.profile, machine)
    const all = [...byNumber, ...byArguments].map((detailed) => {
      if (isMismatch(detailed)) this.#reportMismatch(watched, detailed)
      return toSyscallCount(detailed, watched.profile, timeOf)
    })
    return audited?.join(slot, all, profile.of) ?? all
  }

  /** False if nothing is known of the container's filter, if it has one. */
  knowsFilter({ seccomp }: Container): boolean {
    return seccomp !== undefined && this.#verdicts(seccomp) !== undefined
  }

  forget(slot: Slot): void {
    const key = slotKey(slot)
    this.#early.delete(key)
    this.#watched.delete(key)
    this.#denying.delete(key)
    this.#options.audited?.forget(slot)
  }

  /** Denied calls that succeeded: another filter is in force than the configured one. */
  conditions(): Condition[] {
    return [...this.#mismatches.values()].slice(0, mostConditions)
  }

  #newSlot(key: string, profile: ProfileVerdicts, container: Container): WatchedSlot {
    return {
      key,
      containerName: container.name,
      profile,
      details: this.#early.get(key) ?? new Map<string, DenialDetail>(),
      total: 0,
      seen: 0,
      pace: new ReportPace()
    }
  }

  /** Notes from before the profile was known include calls that it does not deny: they are not counted. */
  #recount(watched: WatchedSlot): void {
    let total = 0
    for (const detail of watched.details.values()) {
      const { kind } = verdictOn(detail, watched.profile, this.#options.machine)
      if (kind === 'denied' || kind === 'logged') total += detail.count
    }
    watched.total = total
    if (total > 0) this.#denying.add(watched.key)
  }

  /** Bounded: nothing reports the end of a slot that comes and goes between two scans. */
  #keepEarly(key: string, details: KernelDetails): void {
    this.#early.set(key, details)
    dropOldest(this.#early, mostEarly)
  }

  /** The slots with any denials, and how many. */
  #totals(): [WatchedSlot, number][] {
    const audited = this.#options.audited?.totals() ?? new Map<string, number>()
    if (this.#denying.size + audited.size === 0) return []
    return [...new Set([...this.#denying, ...audited.keys()])].flatMap((key) => {
      const watched = this.#watched.get(key)
      return watched === undefined ? [] : [[watched, watched.total + (audited.get(key) ?? 0)]]
    })
  }

  #reportMismatch({ containerName }: WatchedSlot, { denial, detail }: DetailedDenial): void {
    const { syscall, abi, action } = denial
    const key = `${containerName} ${abi} ${syscall}`
    if (this.#mismatches.has(key)) return
    const times = detail?.succeeded ?? 0
    const what = `${syscall} (${abi}) succeeded ${times} times in ${containerName}`
    const message = `${what}, whose profile answers ${action}: another filter is in force`
    const reason = 'FilterMismatch'
    this.#mismatches.set(key, {
      type: 'FiltersMatch',
      status: 'False',
      reason,
      message,
      lastTransitionTime: new Date().toISOString()
    })
    const facts = { reason, container: containerName, syscall, abi, action, times }
    this.#options.logger.error(facts, 'another filter is in force')
  }
}

/** The counts of calls that the profile does not allow; undefined if there are none, as in most containers. */
function countsNotAllowed(
  abis: readonly AbiCounts[],
  verdicts: ProfileVerdicts['of']
): SyscallCounts | undefined {
  let found: SyscallCounts | undefined
  for (const { abi, syscalls } of abis) {
    // The names come from the tables, so each ABI is one of Secco's.
    const own = abi as Abi
    // forEach: an iterator would allocate an object for each call.
    syscalls.forEach(({ name, count }) => {
      if (verdicts(own, name).kind === 'allowed') return
      found ??= {}
      const counts = (found[own] ??= {})
      counts[name] = count
    })
  }
  return found
}
