import type { Slot } from '../../native/types.js'
import type { SyscallCount } from '../../src/api/gen/hub.js'
import type { CallVerdicts } from '../../src/seccomp/filter/verdict.js'
import {
  type AuditedCall,
  auditSeccomp,
  auditSyscall,
  parseArgumentsRecord,
  parseSeccompRecord
} from './audit-record.js'
import { cgroupFolderOf, cgroupIdOf, mntnsOf } from '../containers/processes.js'
import { keyOf } from '../recorder/slots/tracked.js'

/** Process ids remembered after their end: a record of a killed one comes when /proc has forgotten it. */
const mostPids = 4096
/** Records whose arguments may still come. */
const mostOpen = 64
/** Records of processes that nobody has met yet: a container of some milliseconds is met when it is over. */
const mostWaiting = 1024

interface Tally {
  /** Its newest; `arguments` where the log told them. */
  call: AuditedCall & { arguments: string }
  count: number
}

type SlotKey = string
type SlotFacts = Pick<Slot, 'index' | 'generation' | 'mntns' | 'cgroupId' | 'part'>

/** What the audit log tells of refused and logged calls, by slot. */
export interface AuditedCalls {
  /** These processes belong to the slot. */
  meet(slot: SlotFacts, pids: readonly number[]): void
  record(type: number, text: string): void
  /** Calls back with each call that the log told of. */
  onTold(listener: () => void): void
  /** Calls by slot (`index.generation`) that the log told of. */
  totals(): Map<string, number>
  /**
   * Denials as they were counted, their detail completed where the log knows more, and with them the calls that
   * the number alone does not decide and that were not counted: before their rules were known, or without a hook
   * that can read arguments.
   */
  join(slot: SlotFacts, counted: readonly SyscallCount[], verdicts: CallVerdicts): SyscallCount[]
  forget(slot: SlotFacts): void
  /** Records whose process turned out to be no container's, or to have been gone too early. */
  unmatched(): number
}

const tallyKey = ({ name, action, detail }: SyscallCount): string =>
  `${detail?.abi ?? ''} ${name} ${action}`

/** How a live process is found; tests give their own. */
export interface ProcessFacts {
  mntnsOf: (pid: number) => number | undefined
  cgroupIdOf: (pid: number) => bigint | undefined
}

const realFacts: ProcessFacts = {
  mntnsOf,
  cgroupIdOf: (pid) => {
    const folder = cgroupFolderOf(pid)
    return folder === undefined ? undefined : cgroupIdOf(folder)
  }
}

export function createAuditedCalls(facts: ProcessFacts = realFacts): AuditedCalls {
  const byPid = new Map<number, SlotKey>()
  const slots = new Map<SlotKey, SlotFacts>()
  const tallies = new Map<SlotKey, Map<string, Tally>>()
  const open = new Map<string, Tally>()
  const waiting: AuditedCall[] = []
  const listeners: (() => void)[] = []
  let unmatched = 0

  function remember(pid: number, key: SlotKey): void {
    byPid.delete(pid)
    byPid.set(pid, key)
    const [oldest] = byPid.keys()
    if (byPid.size > mostPids && oldest !== undefined) byPid.delete(oldest)
  }

  /** A live process says itself where it is; the memory is for dead ones. */
  function slotKeyOf(pid: number): SlotKey | undefined {
    const mntns = facts.mntnsOf(pid)
    if (mntns === undefined) return byPid.get(pid)
    const cgroup = facts.cgroupIdOf(pid)
    const known = byPid.get(pid)
    const fits = [...slots].filter(
      ([, slot]) => slot.mntns === mntns && (slot.cgroupId <= 1n || slot.cgroupId === cgroup)
    )
    const found = fits.find(([key]) => key === known) ?? fits.find(([, s]) => s.part === 'entry')
    const key = found?.[0] ?? fits[0]?.[0]
    if (key !== undefined) remember(pid, key)
    return key
  }

  function take(call: AuditedCall): void {
    const key = slotKeyOf(call.pid)
    if (key === undefined) {
      waiting.push(call)
      if (waiting.length <= mostWaiting) return
      waiting.shift()
      unmatched += 1
      return
    }
    const own = tallies.get(key) ?? new Map<string, Tally>()
    tallies.set(key, own)
    const name = `${call.abi} ${call.syscall} ${call.action}`
    const count = (own.get(name)?.count ?? 0) + 1
    const tally = { call: { ...call, arguments: '' }, count }
    own.set(name, tally)
    open.set(call.serial, tally)
    const [oldest] = open.keys()
    if (open.size > mostOpen && oldest !== undefined) open.delete(oldest)
  }

  function toCount({ call, count }: Tally): SyscallCount {
    const { abi, pid, comm, action } = call
    const signal = action === 'SCMP_ACT_LOG' || action === 'SCMP_ACT_ERRNO' ? '' : 'SIGSYS'
    const at = new Date(call.at).toISOString()
    const rest = { errno: 0, expected: false, succeeded: 0, arguments: call.arguments }
    return { name: call.syscall, action, count, detail: { abi, pid, comm, at, signal, ...rest } }
  }

  function completed(one: SyscallCount, own: Map<string, Tally>): SyscallCount {
    const { detail } = one
    if (detail === undefined) return one
    const tally = own.get(tallyKey(one))
    if (tally === undefined) return one
    const told = toCount(tally).detail ?? detail
    const { pid, comm, at } = detail.pid === 0 ? told : detail
    return {
      ...one,
      detail: { ...detail, pid, comm, at, arguments: told.arguments || detail.arguments }
    }
  }

  return {
    meet(slot, pids) {
      slots.set(keyOf(slot), slot)
      for (const pid of pids) remember(pid, keyOf(slot))
      if (!waiting.some(({ pid }) => byPid.get(pid) === keyOf(slot))) return
      for (const call of waiting.splice(0)) take(call)
    },
    record(type, text) {
      if (type === auditSeccomp) {
        const call = parseSeccompRecord(text)
        if (call === undefined) return
        take(call)
        for (const listener of listeners) listener()
      } else if (type === auditSyscall) {
        const found = parseArgumentsRecord(text)
        const tally = found === undefined ? undefined : open.get(found.serial)
        if (found !== undefined && tally !== undefined) tally.call.arguments = found.arguments
      }
    },
    onTold: (listener) => void listeners.push(listener),
    totals() {
      const totals = new Map<string, number>()
      for (const [key, own] of tallies) {
        let sum = 0
        for (const { count } of own.values()) sum += count
        totals.set(key, sum)
      }
      return totals
    },
    join(slot, counted, verdicts) {
      const own = tallies.get(keyOf(slot))
      if (own === undefined) return [...counted]
      const byArguments = new Map(
        [...own].filter(([, { call }]) => verdicts(call.abi, call.syscall).kind === 'conditional')
      )
      const joined = counted.map((one) => {
        const key = tallyKey(one)
        // Neither knows of more calls than there were.
        const count = Math.max(one.count, byArguments.get(key)?.count ?? 0)
        byArguments.delete(key)
        return { ...completed(one, own), count }
      })
      return [...joined, ...[...byArguments.values()].map(toCount)]
    },
    forget(slot) {
      slots.delete(keyOf(slot))
      tallies.delete(keyOf(slot))
    },
    unmatched: () => unmatched
  }
}
