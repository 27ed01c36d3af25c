import type { Losses, Observation } from '../src/api/gen/hub.js'
import { addBlockedCalls } from './blocked.js'
import { findContainer, identify, isHalfTold, isNamelessContainer } from './containers/identify.js'
import { newLosses } from './losses.js'
import { timeOf } from './monotonic.js'
import type { RecorderLoop, RecorderLoopOptions } from './recorder-loop-types.js'
import { createSelfCheck } from './self-check.js'
import { createSlotObserver } from './slot-observer.js'
import { aliveMs, graceMs, refreshEveryMs, settleMs } from './slot-pace.js'
import { isSlotAlive, pidsOfSlot } from './slot-processes.js'
import { adoptRunning, takeLeftovers } from './take-over.js'
import { exactly, folderIn, isNamed, keyOf, type Named, track, type Tracked } from './tracked.js'

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
  const state = { stopped: false, unidentified: 0, refreshedAt: 0, deadAt: 0 }
  const isStopped = (): boolean => state.stopped
  const check = createSelfCheck(recorder, logger, options.selfTest !== false)
  const now = (): number => performance.now()

  const observer = createSlotObserver({
    ...{ recorder, prefix, machine: options.machine, logger, timeOf },
    held: () => options.held?.() ?? new Set<string>(),
    ...(options.audited === undefined ? {} : { audited: options.audited })
  })
  const observe = (one: Tracked, ended: boolean): Observation | undefined =>
    isNamed(one) ? observer.observe(exactly(one), ended) : undefined

  /** Calls that are blocked now, of the slot's own part; to be read before the counts. */
  const readBlocked = async (one: Named): Promise<number> => {
    const pids = await observer.ownPids(one.slot, one.container, await pidsOfSlot(one.slot, one))
    return addBlockedCalls(one.blocked, pids, one.slot.mntns, one.slot.filtered)
  }

  const send = (one: Tracked, ended: boolean): void => {
    one.sequence += 1
    const observation = observe(one, ended)
    one.sent = one.slot.distinct
    if (observation !== undefined) options.onObservation(observation)
  }

  /** Asks the runtimes, unless they were asked since: hundreds of ends at once share one answer. */
  const refresh = async (since: number): Promise<void> => {
    if (state.refreshedAt >= since) return
    state.refreshedAt = now()
    await registry.refresh()
  }

  /** Names the slot; true when it is settled what it is. `last`: no later chance. */
  const name = async (one: Tracked, last: boolean): Promise<boolean> => {
    if (one.ignored || one.container !== undefined) return true
    let found = findContainer(one.slot, registry.all())
    if (found?.cgroupId === undefined || last || isHalfTold(found.labels)) {
      await refresh(last && found === undefined ? state.deadAt : now() - refreshEveryMs)
      found = findContainer(one.slot, registry.all())
    }
    if ((found === undefined || isHalfTold(found.labels)) && !last && now() - one.met < graceMs)
      return false
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
    options.onNamed?.(identity.container)
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
    one.ended = true
    if (one.ignored) {
      free(one)
      return
    }
    send(one, true)
    void freeEnded()
  }

  const free = (one: Tracked): void => {
    recorder.release(one.slot.index, one.slot.generation)
    forget(one)
  }

  let freeing: Promise<void> | undefined
  const freeEnded = (): Promise<void> => {
    const ended = [...tracked.values()].filter((one) => one.ended)
    if (ended.length === 0) return Promise.resolve()
    freeing ??= (async () => {
      try {
        await options.durable?.()
        for (const one of ended) free(one)
      } catch (error) {
        logger.error({ err: error }, 'what ended is not durable yet: its slots are kept')
      } finally {
        freeing = undefined
      }
    })()
    return freeing
  }

  const findDead = async (): Promise<void> => {
    for (const one of tracked.values()) {
      if (one.ended || now() - one.aliveAt < aliveMs(now() - one.met)) continue
      one.aliveAt = now()
      // Known folders need no search through the whole hierarchy.
      one.folder ??= folderIn(one.container ?? findContainer(one.slot, registry.all()), one.slot)
      one.dead = !(await isSlotAlive(one.slot, one))
      // Its runtime may be removing the state that names it: begun now, waited for later.
      if (one.dead && !one.ignored && one.container === undefined) void registry.refresh()
    }
    // What the runtimes say from now on is of a time when these had written all they ever would.
    state.deadAt = now()
  }

  /** Most looks find nothing to do: that has to cost nothing. */
  const isQuiet = (one: Tracked, at: number): boolean =>
    isNamed(one) &&
    !one.dead &&
    at < one.settleAt &&
    one.slot.distinct === one.sent &&
    !observer.isReadyByAge(one.slot)

  const lookAt = async (one: Tracked, refused: boolean): Promise<void> => {
    if (one.dead) {
      await end(one)
      return
    }
    const at = now()
    if (!(await name(one, false)) || !isNamed(one)) return
    observer.follow(one.slot, one.container)
    const changed = one.slot.distinct !== one.sent || observer.isReadyByAge(one.slot)
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
      else tracked.set(key, track(slot, !check.isExact(), firstSequence, now()))
    }
    for (const [key, one] of tracked) if (!present.has(key)) forget(one)
    observer.refresh()
  }

  /** Everything that lives now may lack calls; said again, with `complete` off. */
  const markInexact = (): void => {
    if (check.isExact()) return
    for (const one of tracked.values()) {
      if (one.inexact || one.ended) continue
      one.inexact = true
      one.sent = -1
    }
  }

  /** Before anything that takes time: somebody may be watching. */
  const tellRefused = (): void => {
    if (options.onRefused === undefined) return
    const calls = [...tracked.values()].flatMap((one) =>
      isNamed(one) && !one.ended && !one.ignored ? (observer.refused(exactly(one)) ?? []) : []
    )
    if (calls.length > 0) options.onRefused(calls)
  }

  const poll = async (): Promise<void> => {
    takeSlots()
    tellRefused()
    await check.due()
    markInexact()
    await findDead()
    const at = now()
    for (const one of [...tracked.values()]) {
      // Asked once: what is due is due until it is asked.
      const refused = isNamed(one) && !one.ended && observer.isDue(one.slot, at)
      if (one.ended || (isQuiet(one, at) && !refused)) continue
      try {
        await lookAt(one, refused)
      } catch (error) {
        logger.error({ err: error, mntns: one.slot.mntns }, 'a container could not be looked at')
      }
    }
    void freeEnded()
    const current = losses()
    for (const what of newLosses(lost, current)) logger.error({ losses: current }, what)
    lost = current
  }

  const losses = (): Losses => {
    const { detailsLost: details, ...counted } = recorder.counters()
    return {
      ...counted,
      details,
      unidentified: state.unidentified,
      missed: options.missed?.() ?? 0
    }
  }
  let lost = losses()

  const attach = async (): Promise<void> => {
    recorder.attach()
    takeLeftovers(recorder, logger)
    await registry.refresh()
    adoptRunning(recorder, registry.all(), options.only)
  }

  /** Everything as it stands, what blocks right now included. */
  const lookLast = async (): Promise<void> => {
    takeSlots()
    state.deadAt = now()
    for (const one of [...tracked.values()]) {
      if (one.ended || one.ignored) continue
      if (!(await name(one, true)) || !isNamed(one)) continue
      if (!(await isSlotAlive(one.slot, one))) {
        await end(one)
        continue
      }
      await readBlocked(one)
      send(one, false)
    }
  }

  let timer: NodeJS.Timeout | undefined
  let running = Promise.resolve()
  /** Looks at the slots are taken one after the other. */
  const alone = (look: () => Promise<void>): Promise<void> => {
    running = running
      .then(look)
      .catch((error: unknown) => logger.error({ err: error }, 'recorder loop'))
    return running
  }
  const schedule = (): void => {
    if (isStopped()) return
    timer = setTimeout(() => {
      void alone(poll).then(schedule)
    }, options.intervalMs ?? 250)
  }

  if (options.attach !== false) {
    await attach()
    await check.due()
  } else {
    await registry.refresh()
  }
  schedule()

  return {
    current: async () => {
      await running
      if (isStopped()) return []
      takeSlots()
      const all: Observation[] = []
      for (const one of tracked.values()) {
        const observation = one.ended ? undefined : observe(one, false)
        if (observation !== undefined) all.push(observation)
      }
      return all
    },
    losses,
    conditions: () => [...check.conditions(), ...observer.conditions()],
    attach: async () => {
      await attach()
      // So that what was adopted has its name when this resolves.
      await alone(poll)
    },
    detach: async (wanted = () => false) => {
      await alone(lookLast)
      if (!wanted()) recorder.detach()
    },
    stop: async ({ keep = false } = {}) => {
      if (isStopped()) return
      state.stopped = true
      clearTimeout(timer)
      await alone(lookLast)
      await freeEnded()
      // Detached there is nothing that would go on.
      recorder.stop({ keep: keep && recorder.attached })
    }
  }
}
