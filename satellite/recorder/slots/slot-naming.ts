import type { Recorder } from '../../../native/types.js'
import type { Logger } from '../../../src/lib/log.js'
import { identityOf, isNamelessContainer, lacksPodLabels } from '../../containers/identify.js'
import { isSandbox } from '../../containers/labels.js'
import { cgroupMount } from '../../containers/processes.js'
import type { ContainerRegistry } from '../../containers/registry.js'
import type { Container } from '../../containers/runtime.js'
import { askEveryMs, graceMs } from './slot-intervals.js'
import type { NamedSlot, TrackedSlot } from './tracked-slot.js'

export interface SlotNamingOptions {
  recorder: Recorder
  registry: ContainerRegistry
  logger: Logger
  /** Containers to record; the kernel side ignores the others. Default: all. */
  only?: (container: Container) => boolean
  /** Called when a slot got its container. */
  onNamed?: (container: Container) => void
}

/** docker's and podman's runc knows only the id of a container; its name comes from the engine. */
const lacksEngineName = ({ runtime, name, id }: Container): boolean =>
  (runtime === 'docker' || runtime === 'podman') && name === id

/** SlotNaming finds the container of each slot. */
export class SlotNaming {
  readonly #options: SlotNamingOptions
  #unidentified = 0

  constructor(options: SlotNamingOptions) {
    this.#options = options
  }

  /** How many slots belong to containers that could not be identified. */
  get unidentified(): number {
    return this.#unidentified
  }

  /** Names the slot, or ignores it. Returns true when that is decided; with `last` it always is. */
  async name(tracked: TrackedSlot, last: boolean): Promise<boolean> {
    if (tracked.ignored || tracked.container !== undefined) return true
    const found = await this.#find(tracked, last)
    const isWhole = found !== undefined && !this.#lacksLabels(found)
    if (!isWhole && !last && performance.now() - tracked.firstSeenAt < graceMs) return false
    const identity = identityOf(tracked.slot, found)
    if (identity.kind === 'other' && isNamelessContainer(tracked.slot)) {
      this.#unidentified += 1
      const { mntns } = tracked.slot
      this.#options.logger.error({ mntns }, 'container ended before it was identified')
    }
    if (identity.kind === 'other' || !this.#isWanted(identity.container)) {
      this.#ignore(tracked)
      return true
    }
    tracked.container = identity.container
    this.#options.recorder.name(tracked.slot.index, tracked.slot.generation)
    this.#options.onNamed?.(identity.container)
    tracked.byName = found === undefined
    if (tracked.byName) this.#unidentified += 1
    return true
  }

  /**
   * Adds what the runtimes reported since the slot was named: its container, or the profile of its filter.
   * Returns false if the slot turned out not to belong to a workload.
   */
  update(named: NamedSlot): boolean {
    const lacksProfile = named.slot.filtered && named.container.seccomp === undefined
    const found = named.byName || lacksProfile ? this.#options.registry.find(named.slot) : undefined
    if (found === undefined || (!named.byName && found.seccomp === undefined)) return true
    if (named.byName) {
      // The rest comes later, from another runtime.
      if (this.#lacksLabels(found) || lacksEngineName(found)) return true
      if (!this.#isWanted(found)) {
        this.#ignore(named)
        return false
      }
      named.sent = -1
    }
    named.byName = false
    named.container = found
    return true
  }

  async #find(tracked: TrackedSlot, last: boolean): Promise<Container | undefined> {
    const { registry } = this.#options
    const found = registry.find(tracked.slot)
    if (found !== undefined && !lacksEngineName(found) && !this.#lacksLabels(found)) return found
    const now = performance.now()
    if (!last && now - tracked.askedAt < askEveryMs) return found
    tracked.askedAt = now
    // With a unified cgroup hierarchy, a process in its root is in no container.
    const isHost = tracked.slot.cgroupId <= 1n && cgroupMount() !== undefined
    if (isHost && !isNamelessContainer(tracked.slot)) return found
    await registry.ask(tracked.slot)
    return registry.find(tracked.slot)
  }

  #lacksLabels({ labels }: Container): boolean {
    return this.#options.registry.hasPodLabels && lacksPodLabels(labels)
  }

  #isWanted(container: Container): boolean {
    return !isSandbox(container.labels) && this.#options.only?.(container) !== false
  }

  #ignore(tracked: TrackedSlot): void {
    tracked.ignored = true
    this.#options.recorder.ignore(tracked.slot.index, tracked.slot.generation)
  }
}
