import type { Slot } from '../native/types.js'
import type { Condition, Observation } from '../src/api/gen/hub.js'
import { addBlockedCalls, type BlockedCalls, noBlockedCalls } from './blocked.js'
import { findContainer, identify, isNamelessContainer } from './containers/identify.js'
import type { Container } from './containers/runtime.js'
import { isSandbox } from './containers/labels.js'
import type { RecorderLoop, RecorderLoopOptions } from './recorder-loop-types.js'
import { createSlotObserver } from './slot-observer.js'
import { aliveMs, settleMs } from './slot-pace.js'
import { isSlotAlive, pidsOfSlot, type SlotPlace } from './slot-processes.js'

/** How long a slot may wait for a runtime to name it before its cgroup's name must do. */
const graceMs = 3000
const refreshEveryMs = 500
const selfTestEveryMs = 10 * 60_000

interface Tracked extends SlotPlace {
  slot: Slot
  container?: Container
  ignored: boolean
  blocked: BlockedCalls
  /** slot.distinct when it was last sent; -1: never. */
  sent: number
  sequence: number
  met: number
  aliveAt: number
  /** When it was first seen to have ended. */
  goneAt?: number
  /** When blocked calls are looked for next, and which step of settleMs that is. */
  settleAt: number
  settleStep: number
}

const isNamed = (one: Tracked): one is Tracked & { container: Container } =>
  one.container !== undefined && !one.ignored
/** The slot's cgroup as the container's runtime tells it; another instance's is another number. */
const folderIn = (container: Container | undefined, slot: Slot): string | undefined =>
  container?.cgroupId === slot.cgroupId ? container.cgroupFolder : undefined
const keyOf = (slot: Slot): string => `${slot.index}.${slot.generation}`

/**
 * Owns a recorder: attaches it, follows its slots, names them, sends what changes, drains and frees
 * what ended. Polling costs one read of the slot table; nothing else happens while nothing changes.
 */
export async function startRecorderLoop(options: RecorderLoopOptions): Promise<RecorderLoop> {
  const { recorder, registry, logger } = options
  const tracked = new Map<string, Tracked>()
  const prefix = `${options.node}/${options.bootId}`
  // A restarted satellite goes on above whatever it sent before: at most four a second are used.
  const firstSequence = Date.now()
  const state = { stopped: false, unidentified: 0, refreshedAt: 0, tableFull: 0, testedAt: 0 }
  const isStopped = (): boolean => state.stopped
  let exact: Condition | undefined
  const now = (): number => performance.now()
  const timeOf = (monotonic: bigint): string => {
    const age = Number((process.hrtime.bigint() - monotonic) / 1_000_000n)
    return new Date(Date.now() - age).toISOString()
  }

  const observer = createSlotObserver({
    ...{ recorder, prefix, machine: options.machine, logger, timeOf },
    held: () => options.held?.() ?? new Set<string>(),
    ...(options.audited === undefined ? {} : { audited: options.audited })
  })
  const observe = (one: Tracked, ended: boolean): Observation | undefined =>
    isNamed(one) ? observer.observe(one, ended) : undefined

  /** Calls that are blocked now, of the slot's own part; to be read before the counts. */
  const readBlocked = async (one: Tracked & { container: Container }): Promise<number> => {
    const pids = await observer.ownPids(one.slot, one.container, await pidsOfSlot(one.slot, one))
    return addBlockedCalls(one.blocked, pids, one.slot.mntns, one.slot.filtered)
  }

  const send = (one: Tracked, ended: boolean): void => {
    one.sequence += 1
    const observation = observe(one, ended)
    one.sent = one.slot.distinct
    if (observation !== undefined) options.onObservation(observation)
  }

  const refresh = async (): Promise<void> => {
    if (now() - state.refreshedAt < refreshEveryMs) return
    state.refreshedAt = now()
    await registry.refresh()
  }

  /** Names the slot; true when it is settled what it is. `last`: no later chance. */
  const name = async (one: Tracked, last: boolean): Promise<boolean> => {
    if (one.ignored || one.container !== undefined) return true
    let found = findContainer(one.slot, registry.all())
    if (found?.cgroupId === undefined || last) {
      if (last && found === undefined && isStopped()) await registry.refresh()
      else if (!last || found !== undefined) await refresh()
      found = findContainer(one.slot, registry.all())
    }
    if (found === undefined && !last && now() - one.met < graceMs) return false
    const identity = identify(one.slot, registry.all())
    if (found === undefined && identity.kind === 'other' && isNamelessContainer(one.slot)) {
      state.unidentified += 1
      logger.error({ mntns: one.slot.mntns }, 'a container was gone before anybody could name it')
    }
    if (identity.kind === 'other' || options.only?.(identity.container) === false) {
      one.ignored = true
      recorder.ignore(one.slot.index, one.slot.generation)
      return true
    }
    one.container = identity.container
    if (identity.container.runtime === 'unknown') state.unidentified += 1
    return true
  }

  const forget = (one: Tracked): void => {
    observer.forget(one.slot)
    tracked.delete(keyOf(one.slot))
  }

  const end = async (one: Tracked): Promise<void> => {
    await name(one, true)
    if (isNamed(one)) observer.follow(one.slot, one.container)
    observer.refresh()
    if (!one.ignored) send(one, true)
    recorder.release(one.slot.index, one.slot.generation)
    forget(one)
  }

  /** Most looks find nothing to do: that has to cost nothing. */
  const isQuiet = (one: Tracked, at: number): boolean =>
    isNamed(one) &&
    at < one.settleAt &&
    at - one.aliveAt < aliveMs(at - one.met) &&
    one.slot.distinct === one.sent &&
    !observer.isReadyByAge(one.slot) &&
    !observer.isDue(one.slot, at)

  const isUnnamed = (one: Tracked): boolean =>
    !one.ignored && one.container === undefined && !findContainer(one.slot, registry.all())

  const lookAt = async (one: Tracked): Promise<void> => {
    const at = now()
    if (at - one.aliveAt >= aliveMs(at - one.met)) {
      one.aliveAt = at
      // Known folders need no search through the whole hierarchy.
      one.folder ??= folderIn(one.container ?? findContainer(one.slot, registry.all()), one.slot)
      if (!(await isSlotAlive(one.slot, one))) {
        one.goneAt ??= at
        // The slot keeps everything: one look at the runtimes serves all that ended since the last one.
        if (isUnnamed(one) && state.refreshedAt < one.goneAt) await refresh()
        if (isUnnamed(one) && state.refreshedAt < one.goneAt) one.aliveAt = -Infinity
        else await end(one)
        return
      }
    }
    if (!(await name(one, false)) || !isNamed(one)) return
    observer.follow(one.slot, one.container)
    const changed = one.slot.distinct !== one.sent || observer.isReadyByAge(one.slot)
    const refused = observer.isDue(one.slot, at)
    if (!changed && at < one.settleAt) {
      if (refused) send(one, false)
      return
    }
    const added = await readBlocked(one)
    const moved = observer.moved(one)
    if (changed || refused || moved || added > 0) send(one, false)
    one.settleStep = changed ? 0 : one.settleStep + 1
    one.settleAt = at + settleMs(one.settleStep)
  }

  const takeSlots = (): void => {
    const present = new Set<string>()
    for (const slot of recorder.slots()) {
      const key = keyOf(slot)
      present.add(key)
      const known = tracked.get(key)
      if (known !== undefined) known.slot = slot
      else {
        tracked.set(key, {
          slot,
          ignored: false,
          blocked: noBlockedCalls(),
          livePid: slot.pid,
          sent: -1,
          sequence: firstSequence,
          met: now(),
          aliveAt: -Infinity,
          settleAt: 0,
          settleStep: 0
        })
      }
    }
    for (const [key, one] of tracked) if (!present.has(key)) forget(one)
    observer.refresh()
  }

  const runSelfTest = async (): Promise<void> => {
    state.testedAt = now()
    try {
      const result = await recorder.selfTest()
      const message = `counted ${result.counted} of ${result.expected} marker calls`
      const status = result.ok ? 'True' : 'False'
      const reason = result.ok ? 'SelfTestPassed' : 'SelfTestFailed'
      if (!result.ok) logger.error(result, 'the recorder does not count exactly')
      if (exact?.status === status) return
      const lastTransitionTime = new Date().toISOString()
      exact = { type: 'RecorderExact', status, reason, message, lastTransitionTime }
    } catch (error) {
      logger.error({ err: error }, 'the self-test could not be run')
    }
  }

  const poll = async (): Promise<void> => {
    takeSlots()
    const at = now()
    for (const one of [...tracked.values()]) {
      if (isQuiet(one, at)) continue
      try {
        await lookAt(one)
      } catch (error) {
        logger.error({ err: error, mntns: one.slot.mntns }, 'a container could not be looked at')
      }
    }
    const { tableFull } = recorder.counters()
    if (tableFull > state.tableFull) logger.error({ tableFull }, 'containers found no free slot')
    state.tableFull = tableFull
    if (options.selfTest !== false && now() - state.testedAt > selfTestEveryMs) await runSelfTest()
  }

  let timer: NodeJS.Timeout | undefined
  let running = Promise.resolve()
  const schedule = (): void => {
    if (isStopped()) return
    timer = setTimeout(() => {
      running = poll().catch((error: unknown) => logger.error({ err: error }, 'recorder loop'))
      void running.then(schedule)
    }, options.intervalMs ?? 250)
  }

  recorder.attach()
  if (options.selfTest !== false) await runSelfTest()
  await registry.refresh()
  for (const container of registry.all()) {
    // A created one has not begun: the kernel meets it at its first instruction.
    if (container.status !== 'running' || container.mntns === undefined) continue
    if (isSandbox(container.labels) || options.only?.(container) === false) continue
    recorder.adopt(container.mntns, container.cgroupId ?? 1n, container.pid)
  }
  schedule()

  return {
    current: async () => {
      await running
      if (isStopped()) return []
      takeSlots()
      const all: Observation[] = []
      for (const one of tracked.values()) {
        const observation = observe(one, false)
        if (observation !== undefined) all.push(observation)
      }
      return all
    },
    losses: () => {
      const { tableFull, unknownSyscalls, recursionMisses } = recorder.counters()
      return {
        tableFull,
        unknownSyscalls,
        recursionMisses,
        unidentified: state.unidentified,
        details: recorder.counters().detailsLost,
        missed: 0
      }
    },
    conditions: () => [...(exact === undefined ? [] : [exact]), ...observer.conditions()],
    stop: async () => {
      if (isStopped()) return
      state.stopped = true
      clearTimeout(timer)
      await running
      takeSlots()
      for (const one of [...tracked.values()]) {
        if (one.ignored || !(await name(one, true)) || !isNamed(one)) continue
        if (!(await isSlotAlive(one.slot, one))) {
          await end(one)
          continue
        }
        await readBlocked(one)
        send(one, false)
      }
      recorder.stop()
    }
  }
}
