import { setImmediate } from 'node:timers/promises'
import type { ErrorCode } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { readCgroupName } from './cgroup-name.js'
import { createContainerIndex } from './container-index.js'
import type { SlotFacts } from './identify.js'
import { mergeAnswers } from './merge.js'
import { isThere, mntnsOf } from './processes.js'
import type { Container, ContainerRuntime } from './runtime.js'

/** News are taken at least this often, whoever else takes them: they are memory. */
const takeEveryMs = 5000
/** Rounds of that between two looks whether what is known as live still is, and so many at a time. */
const sweepEvery = 12
const sweptAtOnce = 50
/** Of those looks: this one finds too who only waits to be reaped, and whose process id is another's by now. */
const readEvery = 5

/** Everything that is known of containers now and was known lately. */
export interface ContainerRegistry {
  /** Asks every runtime for all it has; calls that arrive meanwhile share the answer. Never rejects. */
  refresh(): Promise<void>
  /** Takes in what the runtimes' folders told since the last call. */
  take(): void
  /** Asks the runtimes for the container that a slot's cgroup names. Never rejects. */
  ask(slot: SlotFacts): Promise<void>
  /** The container a slot belongs to, as far as it is known. */
  find(slot: SlotFacts): Container | undefined
  /** Live ones and remembered ones, oldest first. */
  all(): readonly Container[]
  /** Names and versions of the runtimes that answered with a version. */
  versions(): Promise<{ name: string; version: string }[]>
  /** Calls back when a container is met for the first time. @returns how to leave. */
  onAppear(listener: (container: Container) => void): () => void
  /** Calls back with each container that was told of, as it is from now on. @returns how to leave. */
  onChange(listener: (container: Container) => void): () => void
  /**
   * Calls back when a runtime begins to make a container, some milliseconds before its first instruction:
   * a wake-up for each. @returns how to leave.
   */
  onBegin(listener: () => void): () => void
  close(): void
}

/**
 * Follows the runtimes' state folders and remembers what was there. A container's state is read when its
 * runtime writes it: that is before the container's first instruction.
 */
export function openRegistry(
  runtimes: readonly ContainerRuntime[],
  logger: Logger
): ContainerRegistry {
  const index = createContainerIndex()
  const silenced = new Set<string>()
  const listeners = new Set<(container: Container) => void>()
  const followers = new Set<(container: Container) => void>()
  const beginners = new Set<() => void>()
  const lifecycle = { closed: false, again: false, missed: false }
  const isClosed = (): boolean => lifecycle.closed
  const isDue = (): boolean => lifecycle.again
  let running: Promise<void> | undefined

  const change = (container: Container): void => {
    for (const listener of followers) listener(container)
  }
  const remember = (given: Container): void => {
    const { container, isNew } = index.put(given)
    change(container)
    if (isNew) for (const listener of listeners) listener(container)
  }
  const stop = (container: Container): void => {
    const stopped = index.stop(container)
    if (stopped !== undefined) change(stopped)
  }

  /** What a runtime answers; one that does not is said once, until it does again. */
  const askOne = async <T>(runtime: ContainerRuntime, work: () => Promise<T>, none: T) => {
    try {
      const answer = await work()
      silenced.delete(runtime.name)
      return answer
    } catch (error) {
      if (!silenced.has(runtime.name))
        logger.warn(
          {
            code: 'RUNTIME_UNREACHABLE' satisfies ErrorCode,
            runtime: runtime.name,
            err: error
          },
          `${runtime.name} does not answer: its containers have no names until it does`
        )
      silenced.add(runtime.name)
      return none
    }
  }

  const runOf = ({ id, pid }: Container): string => `${id} ${pid}`

  const listAll = async (): Promise<void> => {
    // One that begins while a runtime still answers is in no answer, and runs.
    const before = new Set(index.all().map(runOf))
    const answers = await Promise.all(
      runtimes.map((runtime) => askOne(runtime, () => runtime.list(), [] as Container[]))
    )
    const seen = mergeAnswers(answers.flat())
    for (const container of seen) remember(container)
    const present = new Set(seen.map(runOf))
    for (const container of index.all()) {
      const run = runOf(container)
      if (container.pid > 0 && before.has(run) && !present.has(run)) stop(container)
    }
  }

  const refresh = (): Promise<void> => {
    if (isClosed()) return Promise.resolve()
    if (running !== undefined) {
      // What started before this call may have missed what the caller waits for.
      lifecycle.again = true
      return running
    }
    running = (async () => {
      do {
        lifecycle.again = false
        await listAll()
      } while (isDue() && !isClosed())
      running = undefined
    })()
    return running
  }

  const take = (): void => {
    for (const runtime of runtimes) {
      const news = runtime.news?.()
      if (news === undefined) continue
      for (const container of news.containers) {
        remember(container)
        if (container.pid > 0) continue
        for (const one of index.withId(container.id)) {
          if (one.firstPid === container.firstPid) stop(one)
        }
      }
      if (news.missed) void refresh()
    }
  }

  const ask = async (slot: SlotFacts): Promise<void> => {
    const verdict = readCgroupName(slot.cgroupName, slot.cgroupParent)
    // Without a unified hierarchy no name tells which one to ask for.
    if (verdict.kind === 'other') return slot.cgroupId > 1n ? undefined : refresh()
    const found = await Promise.all(
      runtimes.map((runtime) => askOne(runtime, () => runtime.byId(verdict.id), undefined))
    )
    for (const container of mergeAnswers(found.filter((one) => one !== undefined))) {
      remember(container)
    }
  }

  /** The end of a container whose folder is kept is told by nobody. */
  const sweep = async (read: boolean): Promise<void> => {
    for (const [at, container] of index.all().entries()) {
      if (isClosed()) return
      if (at % sweptAtOnce === sweptAtOnce - 1) await setImmediate()
      const { pid, mntns } = container
      if (pid === 0 || mntns === undefined) continue
      if (read ? mntnsOf(pid) !== mntns : !isThere(pid)) stop(container)
    }
  }

  const appeared = (): void => {
    for (const listener of beginners) listener()
    take()
  }
  for (const runtime of runtimes) {
    if (runtime.follow?.(appeared) !== false) continue
    logger.warn(
      { runtime: runtime.name },
      `the state folders of ${runtime.name} cannot be followed (the addon is missing, or inotify has no room: fs.inotify.max_user_instances): what ends within milliseconds has no name`
    )
  }
  let round = 0
  const sweeping = setInterval(() => {
    take()
    round += 1
    if (round % sweepEvery === 0) void sweep(round % (sweepEvery * readEvery) === 0)
  }, takeEveryMs)
  sweeping.unref()

  return {
    refresh,
    take,
    ask,
    find: (slot) => index.find(slot),
    all: () => index.all(),
    versions: async () => {
      const told = await Promise.all(
        runtimes.map(async (runtime) => ({
          name: runtime.name,
          version: await runtime.version().catch(() => '')
        }))
      )
      return told.filter(({ version }) => version !== '')
    },
    onAppear: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onChange: (listener) => {
      followers.add(listener)
      return () => followers.delete(listener)
    },
    onBegin: (listener) => {
      beginners.add(listener)
      for (const runtime of runtimes) runtime.tell?.(true)
      return () => {
        beginners.delete(listener)
        if (beginners.size === 0) for (const runtime of runtimes) runtime.tell?.(false)
      }
    },
    close: () => {
      lifecycle.closed = true
      clearInterval(sweeping)
      for (const runtime of runtimes) runtime.close?.()
    }
  }
}
