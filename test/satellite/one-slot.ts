import process from 'node:process'
import type { DenialDetail, Recorder, SelfTest, Slot } from '../../native/types.js'
import { mntnsOf } from '../../satellite/containers/processes.js'

/** What the kernel side reports; tests change it. */
export interface KernelState {
  test: SelfTest
  misses: number
  distinct: number
  /** Native number → calls. */
  counts?: ReadonlyMap<number, number>
  details?: DenialDetail[]
  /** Called before counts are read: the program continues during a scan. */
  onRead?: () => void
  /** The listener for denials. */
  moved?: () => void
}

/** A recorder with one slot, whose container is this process. */
export function oneSlot(next: KernelState): Recorder {
  const slot = (): Slot => ({
    index: 0,
    generation: 1,
    mntns: mntnsOf(process.pid) ?? 0,
    cgroupId: 1n,
    cgroupName: 'web',
    cgroupParent: '',
    pid: process.pid,
    comm: 'web',
    nsId: 0n,
    firstSeen: 0n,
    lastSeen: 0n,
    lastExit: 0n,
    filtered: true,
    complete: true,
    started: false,
    isOnlyCreated: false,
    distinct: next.distinct,
    part: 'entry',
    ignored: false,
    exits: 0,
    ending: undefined,
    hasCompat: false
  })
  let given = -1
  let stopped = false
  return {
    pinning: { adopted: false },
    leftovers: () => [],
    seen: () => ({
      words: new BigUint64Array(),
      stride: 1,
      first: { native: 0, compat: 0, x32: 0 }
    }),
    hook: 'tp_btf',
    attached: true,
    attach: () => undefined,
    detach: () => undefined,
    stop: () => {
      stopped = true
    },
    counters: () => {
      if (stopped) throw new Error('the recorder was stopped')
      const none = { tableFull: 0, unknownSyscalls: 0, detailsLost: 0, argumentsLost: 0 }
      return { ...none, recursionMisses: next.misses }
    },
    slots: () => [slot()],
    changes: () => {
      const slots = next.distinct === given ? [] : [slot()]
      given = next.distinct
      return { slots, gone: [], more: false }
    },
    read: () => {
      next.onRead?.()
      return {
        native: next.counts ?? new Map([[0, 1]]),
        compat: new Map(),
        x32: new Map(),
        unknown: 0
      }
    },
    adopt: () => undefined,
    release: () => true,
    name: () => true,
    ignore: () => true,
    admit: () => undefined,
    readArguments: () => undefined,
    watchDenials: () => true,
    denials: () => [],
    newDenials: () => next.details ?? [],
    noted: () => next.details?.length ?? 0,
    notifyDenials: (_intervalMs, moved) => void (next.moved = moved),
    selfTest: () => Promise.resolve(next.test)
  }
}
