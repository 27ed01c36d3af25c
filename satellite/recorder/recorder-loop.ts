import type { Losses, Observation } from '../../src/api/gen/hub.js'
import { addBlockedCalls, noBlockedCalls } from './slots/blocked.js'
import { createDueSlots } from './slots/due-slots.js'
import { createEndedSlots } from './slots/ended-slots.js'
import { createLossLog, lossesOf } from './losses.js'
import { createLoopTimer } from './loop-timer.js'
import { timeOf } from '../lib/monotonic.js'
import type { RecorderLoop, RecorderLoopOptions } from './recorder-loop-types.js'
import { createSayAgain } from './slots/say-again.js'
import { createSelfCheck } from './self-check.js'
import { createSlotNaming } from './slots/slot-naming.js'
import { createSlotObserver } from './slots/slot-observer.js'
import {
  aliveMs,
  askEveryMs,
  recheckMs,
  retryMs,
  settleMs,
  tellAfterMs
} from './slots/slot-pace.js'
import { isSlotAlive, isSlotAliveNow, pidsOfSlot } from './slots/slot-processes.js'
import { supersedeOlder } from './slots/superseded.js'
import { adoptRunning, takeLeftovers } from './take-over.js'
import { timeSlices } from '../lib/time-slices.js'
import { createTurns } from '../lib/turns.js'
import {
  exactly,
  folderIn,
  isNamed,
  keyOf,
  type Named,
  track,
  type Tracked
} from './slots/tracked.js'

/** Changed slots that one look takes: the next look follows at once when there are more. */
const changesAtOnce = 256

/**
 * Owns a recorder: attaches it, follows its slots, names them, sends what changes, drains and frees what
 * ended. A look costs next to nothing while nothing changes, and what it finds is done in slices.
 */
export async function startRecorderLoop(options: RecorderLoopOptions): Promise<RecorderLoop> {
  const { recorder, registry, logger, selfTest: tests = true, tested, intervalMs = 250 } = options
  const tracked = new Map<string, Tracked>()
  const dueSlots = createDueSlots(tracked)
  const prefix = `${options.node}/${options.bootId}`
  const sayAgain = createSayAgain(tracked, dueSlots, prefix)
  // A restarted satellite goes on above whatever it sent before: at most four a second are used.
  const firstSequence = Date.now()
  const state = { stopped: false, unread: 0 }
  const isStopped = (): boolean => state.stopped
  const check = createSelfCheck(recorder, logger, { tests, tested })
  const naming = createSlotNaming(options)
  const now = () => performance.now()
  const observer = createSlotObserver({
    ...{ recorder, prefix, machine: options.machine, logger, timeOf },
    held: () => options.held?.() ?? new Set<string>(),
    ...(options.audited === undefined ? {} : { audited: options.audited })
  })
  const observe = (one: Tracked, ended: boolean): Observation | undefined =>
    isNamed(one) ? observer.observe(exactly(one), ended) : undefined

  const toldFolder = (one: Tracked) => () =>
    folderIn(one.container ?? registry.find(one.slot), one.slot)

  /** Calls that are blocked now, of the slot's own part; to be read before the counts. */
  const readBlocked = async (one: Named): Promise<number> => {
    const all = await pidsOfSlot(one.slot, one, toldFolder(one))
    const pids = await observer.ownPids(one.slot, one.container, all)
    one.blocked ??= noBlockedCalls()
    return addBlockedCalls(one.blocked, pids, one.slot)
  }

  const send = (one: Tracked, ended: boolean): void => {
    one.sequence += 1
    const observation = observe(one, ended)
    one.sent = one.slot.distinct
    if (observation !== undefined) options.onObservation(observation)
  }

  const forget = (one: Tracked | undefined): void => {
    if (one === undefined) return
    observer.forget(one.slot)
    tracked.delete(keyOf(one.slot))
  }
  const ends = createEndedSlots({
    durable: () => options.durable?.() ?? Promise.resolve(),
    free: (one) => {
      recorder.release(one.slot.index, one.slot.generation)
      forget(one)
    },
    logger
  })

  const end = async (one: Tracked): Promise<void> => {
    await naming.name(one, true)
    if (isNamed(one) && naming.learnMore(one)) observer.meet(one.slot)
    if (!one.ignored) send(one, true)
    one.ended = true
    await ends.add(one)
  }

  const lookAt = async (one: Tracked, refused: boolean): Promise<void> => {
    const at = now()
    if (!(await naming.name(one, false)) || !isNamed(one)) return
    if (!naming.learnMore(one)) return
    observer.follow(one.slot, one.container)
    if (one.sent < 0 && !refused && at - one.met < tellAfterMs) return
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

  /** When nothing happens before: the next look. */
  const dueAt = (one: Tracked): number => {
    if (one.ignored) return one.checkAt
    if (!isNamed(one)) return Math.min(one.checkAt, now() + askEveryMs)
    return Math.min(one.checkAt, one.settleAt, now() + observer.readyInMs(one.slot))
  }

  /** What the kernel side changed since the last look. @returns whether there is more. */
  const takeChanges = (): boolean => {
    const { slots, gone, more } = recorder.changes(changesAtOnce)
    for (const one of gone) forget(tracked.get(keyOf(one)))
    if (slots.length > 0) dueSlots.earlier()
    const at = now()
    for (const slot of slots) {
      const known = tracked.get(keyOf(slot))
      if (known === undefined) {
        const facts = { inexact: !check.isExact(), lostBefore: observer.lost() }
        tracked.set(keyOf(slot), track(slot, firstSequence, at, facts))
        continue
      }
      if (known.slot.exits !== slot.exits) known.checkAt = at
      known.slot = slot
      known.dueAt = at
    }
    supersedeOlder(tracked, slots, at)
    return more
  }

  /** Before and after what takes time, and in between where something was refused: somebody may be watching. */
  const tellRefused = (): void => {
    observer.refresh()
    if (options.onRefused === undefined) return
    const calls = observer.more().flatMap((key) => {
      const one = tracked.get(key)
      if (one === undefined || !isNamed(one) || one.ended) return []
      return observer.refused(exactly(one)) ?? []
    })
    if (calls.length > 0) options.onRefused(calls)
  }

  const lookAtDue = async (): Promise<void> => {
    const at = now()
    const refused = new Set(observer.grown(at))
    const due = dueSlots.take(at, refused)
    const slices = timeSlices()
    for (const one of due) {
      if (one.checkAt > at) continue
      await slices.pause()
      const { slot } = one
      // Most are told of at once: a promise for each would be most of it.
      const alive =
        !one.superseded &&
        (isSlotAliveNow(slot, one) ?? (await isSlotAlive(slot, one, toldFolder(one))))
      one.dead = !alive
      one.checkAt = now() + aliveMs(now() - one.met, recorder.attached)
      // Whoever was just ending may still have been there.
      if (slot.exits > 0 && alive) one.checkAt = Math.min(one.checkAt, now() + recheckMs)
    }
    // What they were refused last; before that they lived, and nothing was final.
    if (due.some(({ dead, ignored }) => dead && !ignored)) {
      observer.refresh(recorder.counters())
    }
    registry.take()
    for (const one of due) {
      await slices.pause()
      if (one.ended) continue
      try {
        if (one.dead) await end(one)
        else await lookAt(one, refused.has(keyOf(one.slot)))
        dueSlots.again(one, dueAt(one))
      } catch (error) {
        logger.error({ err: error, mntns: one.slot.mntns }, 'a container could not be looked at')
        dueSlots.again(one, now() + retryMs)
      }
    }
    dueSlots.looked()
  }

  const poll = async (): Promise<boolean> => {
    registry.take()
    const more = takeChanges()
    tellRefused()
    // The kernel is asked: once per look at all slots.
    const counters = recorder.counters()
    observer.refresh(counters)
    await check.due(counters.recursionMisses)
    if (!check.isExact()) sayAgain.inexact()
    await lookAtDue()
    // Of those that were met just now, what they were refused before that.
    tellRefused()
    void ends.free()
    lossLog.look(now())
    return more
  }

  let lastLosses: Losses | undefined
  /** Of a recorder that was stopped: as they were then. */
  const losses = (): Losses =>
    lastLosses ??
    lossesOf(recorder.counters(), {
      unidentified: naming.unidentified(),
      missed: (options.missed?.() ?? 0) + state.unread,
      givenUp: options.givenUp?.() ?? 0
    })
  const lossLog = createLossLog(losses, logger)

  const attach = async (): Promise<void> => {
    recorder.attach()
    state.unread += takeLeftovers(recorder, logger)
    await registry.refresh()
    await adoptRunning(recorder, registry.all(), options.only)
  }

  /** Everything as it stands, what blocks right now included. */
  const lookLast = async (): Promise<void> => {
    registry.take()
    while (takeChanges());
    observer.refresh(recorder.counters())
    const slices = timeSlices()
    for (const one of [...tracked.values()]) {
      await slices.pause()
      if (one.ended || one.ignored) continue
      if (!(await naming.name(one, true)) || !isNamed(one) || !naming.learnMore(one)) continue
      if (one.superseded || !(await isSlotAlive(one.slot, one, toldFolder(one)))) {
        await end(one)
        continue
      }
      await readBlocked(one)
      send(one, false)
      // Detached nobody tells of its end.
      one.checkAt = one.dueAt = now()
      dueSlots.earlier()
    }
  }

  const turns = createTurns(logger, 'recorder loop')
  const timer = createLoopTimer({ turns, intervalMs, look: poll, glance: tellRefused })

  if (options.attach !== false) {
    await attach()
    await check.due(recorder.counters().recursionMisses)
  } else {
    await registry.refresh()
  }
  timer.start()
  recorder.notifyDenials(intervalMs, timer.hurry)
  options.audited?.onTold(timer.hurry)

  return {
    current: async () => {
      await turns.settled()
      if (isStopped()) return []
      while (takeChanges());
      observer.refresh(recorder.counters())
      const all: Observation[] = []
      for (const one of tracked.values()) {
        const observation = one.ended ? undefined : observe(one, false)
        if (observation !== undefined) all.push(observation)
      }
      return all
    },
    again: (ids) => sayAgain.ids(ids),
    refusedAgain() {
      observer.fromBeginning()
      timer.hurry()
    },
    losses,
    conditions: () => [...check.conditions(), ...observer.conditions()],
    attach: async () => {
      await attach()
      // So that what was adopted has its name when this resolves.
      await turns.take(async () => {
        while (await poll());
      })
    },
    detach: async (wanted = () => false) => {
      await turns.take(lookLast)
      if (!wanted()) recorder.detach()
    },
    stop: async ({ keep = false } = {}) => {
      if (isStopped()) return
      state.stopped = true
      timer.stop()
      await turns.take(lookLast)
      await ends.free()
      lastLosses = losses()
      // Detached there is nothing that would go on.
      recorder.stop({ keep: keep && recorder.attached })
    }
  }
}
