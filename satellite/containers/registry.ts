import { dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { ErrorCode } from '../../src/lib/errors.js'
import { Listeners } from '../../src/lib/listeners.js'
import type { Logger } from '../../src/lib/log.js'
import { Worker } from '../../src/lib/worker.js'
import { readCgroupName } from './cgroup-name.js'
import { ContainerIndex } from './container-index.js'
import type { SlotFacts } from './identify.js'
import { mergeAnswers } from './merge.js'
import { cgroupFolderOf, cgroupIdOf, cgroupMount, hasProcess, isThere } from './processes.js'
import type { Container, ContainerRuntime } from './runtime.js'

/** Changes are taken at least this often, because waiting ones take memory. */
const takeEveryMs = 5000
/** Every so many of these rounds, known containers are checked for their end; so many between two pauses. */
const sweepEvery = 12
const sweptAtOnce = 50
/** Every so many sweeps also find zombies, and process ids that now belong to another process. */
const readEvery = 5

type ContainerListener = (container: Container) => void

/**
 * Opens a registry that follows the runtimes' state folders and remembers the containers in them. A container's state
 * is read when its runtime writes it: before the container's first instruction.
 */
export function openRegistry(
  runtimes: readonly ContainerRuntime[],
  logger: Logger
): ContainerRegistry {
  const registry = new Registry(runtimes, logger)
  registry.follow()
  return registry
}

/** ContainerRegistry knows all containers that exist now or existed lately. */
export interface ContainerRegistry {
  /** Whether a runtime is asked that has the labels of pods, which come a moment after the states of runc. */
  readonly hasPodLabels: boolean
  /** Asks every runtime for all containers; calls during that share the answer. Never rejects. */
  refresh(): Promise<void>
  /** Takes the changes that the runtimes' folders reported since the last call. */
  take(): void
  /** Asks the runtimes for the container that a slot's cgroup names. Never rejects. */
  ask(slot: SlotFacts): Promise<void>
  /** The container of a slot; undefined if it is not known. */
  find(slot: SlotFacts): Container | undefined
  /** Live containers and remembered ones, oldest first. */
  all(): readonly Container[]
  /** Names and versions of the runtimes that reported a version. */
  versions(): Promise<{ name: string; version: string }[]>
  /** Calls `listener` with each new container. Returns a function that unsubscribes. */
  onAppear(listener: ContainerListener): () => void
  /** Calls `listener` with each container that a runtime reported. Returns a function that unsubscribes. */
  onChange(listener: ContainerListener): () => void
  /**
   * Calls `listener` when a runtime starts to create a container, some milliseconds before the container's first
   * instruction. That wakes this process for each container. Returns a function that unsubscribes.
   */
  onBegin(listener: () => void): () => void
  /** True while a runtime creates a container that it does not list yet. */
  isCreating(): boolean
  close(): void
}

const runOf = ({ id, pid }: Container): string => `${id} ${pid}`

class Registry implements ContainerRegistry {
  readonly hasPodLabels: boolean
  readonly #runtimes: readonly ContainerRuntime[]
  readonly #logger: Logger
  readonly #index = new ContainerIndex()
  readonly #appeared = new Listeners<Container>()
  readonly #reported = new Listeners<Container>()
  readonly #beginListeners = new Set<() => void>()
  /** Runtimes that do not answer; each is logged once. */
  readonly #silent = new Set<string>()
  readonly #lists: Worker
  readonly #rounds: Worker
  #round = 0
  #closed = false

  constructor(runtimes: readonly ContainerRuntime[], logger: Logger) {
    this.#runtimes = runtimes
    this.hasPodLabels = runtimes.some(({ name }) => name === 'containerd')
    this.#logger = logger
    const onError = (error: unknown): void =>
      logger.error({ err: error }, 'containers could not be listed')
    this.#lists = new Worker(() => this.#listAll(), { onError })
    this.#rounds = new Worker(() => this.#runRound(), { everyMs: takeEveryMs, onError })
  }

  /** Starts to follow the runtimes' folders. Called once, by openRegistry. */
  follow(): void {
    const onCreate = (): void => {
      for (const listener of this.#beginListeners) listener()
      this.take()
    }
    for (const runtime of this.#runtimes) {
      if (runtime.follow?.(onCreate) !== false) continue
      this.#logger.warn(
        { runtime: runtime.name },
        `${runtime.name}: state folders cannot be followed, so containers that run for milliseconds get no name: ` +
          'build the addon, or raise fs.inotify.max_user_instances'
      )
    }
  }

  refresh(): Promise<void> {
    // A call during a listing gets the next one: a container that started since may be missing in the current one.
    return this.#closed ? Promise.resolve() : this.#lists.runNow()
  }

  take(): void {
    for (const runtime of this.#runtimes) {
      const changes = runtime.takeChanges?.()
      if (changes === undefined) continue
      for (const container of changes.containers) this.#taken(container)
      if (changes.missed) void this.refresh()
    }
  }

  async ask(slot: SlotFacts): Promise<void> {
    const verdict = readCgroupName(slot.cgroupName, slot.cgroupParent)
    if (verdict.kind === 'other') {
      // Without a unified hierarchy no name says which container to ask for.
      if (slot.cgroupId <= 1n) await this.refresh()
      return
    }
    const found = await Promise.all(
      this.#runtimes.map((runtime) =>
        this.#answerOf(runtime, () => runtime.byId(verdict.id), undefined)
      )
    )
    for (const container of mergeAnswers(found.filter((one) => one !== undefined))) {
      this.#remember(container)
      this.#endBefore(container)
    }
  }

  find(slot: SlotFacts): Container | undefined {
    const found = this.#index.find(slot)
    return found?.cgroupId === slot.cgroupId ? found : (this.#around(slot) ?? found)
  }

  all(): readonly Container[] {
    return this.#index.all()
  }

  async versions(): Promise<{ name: string; version: string }[]> {
    const versions = await Promise.all(
      this.#runtimes.map(async (runtime) => ({
        name: runtime.name,
        version: await runtime.version().catch(() => '')
      }))
    )
    return versions.filter(({ version }) => version !== '')
  }

  onAppear(listener: ContainerListener): () => void {
    return this.#appeared.add(listener)
  }

  onChange(listener: ContainerListener): () => void {
    return this.#reported.add(listener)
  }

  onBegin(listener: () => void): () => void {
    this.#beginListeners.add(listener)
    for (const runtime of this.#runtimes) runtime.notifyCreation?.(true)
    return () => {
      this.#beginListeners.delete(listener)
      if (this.#beginListeners.size > 0) return
      for (const runtime of this.#runtimes) runtime.notifyCreation?.(false)
    }
  }

  isCreating(): boolean {
    return this.#runtimes.some((runtime) => runtime.isCreating?.() === true)
  }

  close(): void {
    this.#closed = true
    void this.#rounds.close()
    void this.#lists.close()
    for (const runtime of this.#runtimes) runtime.close?.()
  }

  /**
   * The container in whose cgroup a slot's cgroup is. A container may make cgroups in its own and name them like those
   * of other containers: where they are is the kernel's word, what they are called is not.
   */
  #around({ pid, cgroupId }: SlotFacts): Container | undefined {
    if (pid === undefined || cgroupId <= 1n) return undefined
    const [own, mount] = [cgroupFolderOf(pid), cgroupMount()]
    if (own === undefined || mount === undefined || cgroupIdOf(own) !== cgroupId) return undefined
    for (let at = dirname(own); at.length > mount.length; at = dirname(at)) {
      const id = cgroupIdOf(at)
      const container = id === undefined ? undefined : this.#index.withCgroup(id)
      if (container !== undefined) return container
    }
    return undefined
  }

  #remember(given: Container): void {
    const { container, isNew } = this.#index.put(given)
    this.#reported.notify(container)
    if (!isNew) return
    if (container.doubt !== undefined) this.#warnUnknown(container, container.doubt)
    this.#appeared.notify(container)
  }

  #warnUnknown({ id, pid, firstPid, cgroupFolder }: Container, reason: string): void {
    this.#logger.warn(
      { container: id, pid: pid || firstPid, cgroup: cgroupFolder, reason },
      'identity of a container is unknown; none of its labels is believed'
    )
  }

  #stop(container: Container): void {
    const stopped = this.#index.stop(container)
    if (stopped !== undefined) this.#reported.notify(stopped)
  }

  /**
   * Stops the earlier runs of a container's id whose process is gone: where an id is used again at once, and the new run is
   * asked for by its id before the folders are read, nothing reports the end of the one before.
   */
  #endBefore({ id, pid }: Container): void {
    for (const one of this.#index.withId(id)) {
      if (one.pid !== 0 && one.pid !== pid && !hasProcess(one)) this.#stop(one)
    }
  }

  /** A container that a runtime's folder reported; without a process if its folder is gone. */
  #taken(container: Container): void {
    this.#remember(container)
    this.#endBefore(container)
    if (container.pid > 0) return
    for (const one of this.#index.withId(container.id)) {
      if (one.firstPid === container.firstPid) this.#stop(one)
    }
  }

  /** The answer of a runtime, or `none`. A runtime that does not answer is logged once, until it does again. */
  async #answerOf<T>(runtime: ContainerRuntime, ask: () => Promise<T>, none: T): Promise<T> {
    const { name } = runtime
    try {
      const answer = await ask()
      this.#silent.delete(name)
      return answer
    } catch (error) {
      if (!this.#silent.has(name)) {
        const code: ErrorCode = 'RUNTIME_UNREACHABLE'
        this.#logger.warn(
          { code, runtime: name, err: error },
          `${name} does not answer: its containers have no names until it does`
        )
      }
      this.#silent.add(name)
      return none
    }
  }

  async #listAll(): Promise<void> {
    // A container that starts while a runtime still answers is in no answer, and runs.
    const before = new Set(this.#index.all().map(runOf))
    const answers = await Promise.all(
      this.#runtimes.map((runtime) =>
        this.#answerOf<Container[]>(runtime, () => runtime.list(), [])
      )
    )
    const seen = mergeAnswers(answers.flat())
    for (const container of seen) this.#remember(container)
    const present = new Set(seen.map(runOf))
    for (const container of this.#index.all()) {
      const run = runOf(container)
      if (container.pid > 0 && before.has(run) && !present.has(run)) this.#stop(container)
    }
  }

  async #runRound(): Promise<void> {
    this.take()
    this.#round += 1
    if (this.#round % sweepEvery === 0) await this.#sweep()
  }

  /** Finds containers that ended. Nothing reports that if a runtime keeps the container's folder. */
  async #sweep(): Promise<void> {
    const isRead = this.#round % (sweepEvery * readEvery) === 0
    for (const [at, container] of this.#index.all().entries()) {
      if (this.#closed) return
      if (at % sweptAtOnce === sweptAtOnce - 1) await setImmediate()
      const { pid, mntns } = container
      if (pid === 0 || mntns === undefined) continue
      if (isRead ? !hasProcess(container) : !isThere(pid)) this.#stop(container)
    }
  }
}
