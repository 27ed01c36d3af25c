import type { Slot } from '../../native/types.js'
import type { SyscallCount } from '../../src/api/gen/hub.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import type { CallVerdicts } from '../../src/seccomp/filter/verdict.js'
import { cgroupFolderOf, cgroupIdOf, mntnsOf } from '../containers/processes.js'
import { slotKey } from '../lib/slot-key.js'
import {
  type AuditedCall,
  auditSeccomp,
  auditSyscall,
  parseArgumentsRecord,
  parseSeccompRecord
} from './audit-record.js'

/** Process ids remembered after their end: the record of a killed process comes when /proc has forgotten it. */
const mostPids = 4096
/** Records whose arguments may still come. */
const mostOpen = 64
/** Records of processes that belong to no known slot yet: very short containers are seen after their end. */
const mostWaiting = 1024

interface Tally {
  /** The newest call; `arguments` is empty until their record comes. */
  call: AuditedCall & { arguments: string }
  count: number
  /** Time of the first call, as in `call.at`. */
  firstAt: number
}

type SlotFacts = Pick<Slot, 'index' | 'generation' | 'mntns' | 'cgroupId' | 'part'>

/** How the place of a live process is read; replaced in tests. */
interface ProcessFacts {
  mntnsOf: (pid: number) => number | undefined
  cgroupIdOf: (pid: number) => bigint | undefined
}

const procFacts: ProcessFacts = {
  mntnsOf,
  cgroupIdOf: (pid) => {
    const folder = cgroupFolderOf(pid)
    return folder === undefined ? undefined : cgroupIdOf(folder)
  }
}

const tallyKey = ({ name, action, detail }: SyscallCount): string =>
  `${detail?.abi ?? ''} ${name} ${action}`

function toCount({ call, count, firstAt }: Tally): SyscallCount {
  const { abi, pid, comm, action } = call
  return {
    name: call.syscall,
    action,
    count,
    detail: {
      abi,
      pid,
      comm,
      at: new Date(call.at).toISOString(),
      firstAt: new Date(firstAt).toISOString(),
      signal: action === 'SCMP_ACT_LOG' || action === 'SCMP_ACT_ERRNO' ? '' : 'SIGSYS',
      errno: 0,
      expected: false,
      succeeded: 0,
      arguments: call.arguments
    }
  }
}

/** Adds to a counted denial the details that the audit log has of it. */
function withAuditDetail(counted: SyscallCount, tally: Tally | undefined): SyscallCount {
  const { detail } = counted
  if (detail === undefined || tally === undefined) return counted
  const audited = toCount(tally).detail ?? detail
  const { pid, comm, at } = detail.pid === 0 ? audited : detail
  const firsts = [detail.firstAt, audited.firstAt].filter((one) => one !== undefined).sort()
  return {
    ...counted,
    detail: {
      ...{ ...detail, pid, comm, at },
      ...(firsts[0] === undefined ? {} : { firstAt: firsts[0] }),
      // The kernel side notes those that decide, and the audit log the first four.
      arguments: detail.arguments || audited.arguments
    }
  }
}

/** AuditedCalls collects the denied and logged calls of the audit log by slot. */
export class AuditedCalls {
  readonly #facts: ProcessFacts
  readonly #keyOfPid = new Map<number, string>()
  readonly #slots = new Map<string, SlotFacts>()
  readonly #tallies = new Map<string, Map<string, Tally>>()
  /** Tallies by the serial number of their newest record: the record of its arguments has the same. */
  readonly #open = new Map<string, Tally>()
  readonly #waiting: AuditedCall[] = []
  readonly #listeners: (() => void)[] = []
  #unmatched = 0

  constructor(facts: ProcessFacts = procFacts) {
    this.#facts = facts
  }

  /** Records whose process belonged to no container, or ended too early to find out. */
  get unmatched(): number {
    return this.#unmatched
  }

  /** Adds processes that belong to the slot. */
  addProcesses(slot: SlotFacts, pids: readonly number[]): void {
    const key = slotKey(slot)
    this.#slots.set(key, slot)
    for (const pid of pids) this.#remember(pid, key)
    if (!this.#waiting.some(({ pid }) => this.#keyOfPid.get(pid) === key)) return
    for (const call of this.#waiting.splice(0)) this.#add(call)
  }

  /** Adds a record of the audit log. */
  record(type: number, text: string): void {
    if (type === auditSeccomp) {
      const call = parseSeccompRecord(text)
      if (call === undefined) return
      this.#add(call)
      for (const listener of this.#listeners) listener()
    } else if (type === auditSyscall) {
      const found = parseArgumentsRecord(text)
      const tally = found === undefined ? undefined : this.#open.get(found.serial)
      if (found !== undefined && tally !== undefined) tally.call.arguments = found.arguments
    }
  }

  /** Calls `listener` after each call that the audit log reported. */
  onCall(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Number of calls in the audit log by slot key. */
  totals(): Map<string, number> {
    const totals = new Map<string, number>()
    for (const [key, own] of this.#tallies) {
      let sum = 0
      for (const { count } of own.values()) sum += count
      totals.set(key, sum)
    }
    return totals
  }

  /**
   * Returns the counted denials with the details of the audit log. Also adds calls that the profile decides by
   * their arguments and that were not counted: from before the profile was known, or without a hook that can
   * read arguments.
   */
  join(slot: SlotFacts, counted: readonly SyscallCount[], verdicts: CallVerdicts): SyscallCount[] {
    const own = this.#tallies.get(slotKey(slot))
    if (own === undefined) return [...counted]
    const byArguments = new Map(
      [...own].filter(([, { call }]) => verdicts(call.abi, call.syscall).kind === 'conditional')
    )
    const joined = counted.map((one) => {
      const key = tallyKey(one)
      // Neither source reports more calls than there were.
      const count = Math.max(one.count, byArguments.get(key)?.count ?? 0)
      byArguments.delete(key)
      return { ...withAuditDetail(one, own.get(key)), count }
    })
    return [...joined, ...[...byArguments.values()].map(toCount)]
  }

  forget(slot: SlotFacts): void {
    this.#slots.delete(slotKey(slot))
    this.#tallies.delete(slotKey(slot))
  }

  #remember(pid: number, key: string): void {
    this.#keyOfPid.delete(pid)
    this.#keyOfPid.set(pid, key)
    dropOldest(this.#keyOfPid, mostPids)
  }

  /** The slot of a process: a live one is read from /proc, a dead one is remembered. */
  #keyOf(pid: number): string | undefined {
    const mntns = this.#facts.mntnsOf(pid)
    if (mntns === undefined) return this.#keyOfPid.get(pid)
    const cgroup = this.#facts.cgroupIdOf(pid)
    const known = this.#keyOfPid.get(pid)
    const fits = [...this.#slots].filter(
      ([, slot]) => slot.mntns === mntns && (slot.cgroupId <= 1n || slot.cgroupId === cgroup)
    )
    const found = fits.find(([key]) => key === known) ?? fits.find(([, s]) => s.part === 'entry')
    const key = found?.[0] ?? fits[0]?.[0]
    if (key !== undefined) this.#remember(pid, key)
    return key
  }

  #add(call: AuditedCall): void {
    const key = this.#keyOf(call.pid)
    if (key === undefined) {
      this.#wait(call)
      return
    }
    const own = this.#tallies.get(key) ?? new Map<string, Tally>()
    this.#tallies.set(key, own)
    const name = `${call.abi} ${call.syscall} ${call.action}`
    const before = own.get(name)
    const tally: Tally = {
      ...{ call: { ...call, arguments: '' }, count: (before?.count ?? 0) + 1 },
      firstAt: before?.firstAt ?? call.at
    }
    own.set(name, tally)
    this.#open.set(call.serial, tally)
    dropOldest(this.#open, mostOpen)
  }

  #wait(call: AuditedCall): void {
    this.#waiting.push(call)
    if (this.#waiting.length <= mostWaiting) return
    this.#waiting.shift()
    this.#unmatched += 1
  }
}
