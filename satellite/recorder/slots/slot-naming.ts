import type { Recorder } from '../../../native/types.js'
import type { Logger } from '../../../src/lib/log.js'
import { identify, isHalfTold, isNamelessContainer } from '../../containers/identify.js'
import { isSandbox } from '../../containers/labels.js'
import { cgroupMount } from '../../containers/processes.js'
import type { ContainerRegistry } from '../../containers/registry.js'
import type { Container } from '../../containers/runtime.js'
import { askEveryMs, graceMs } from './slot-pace.js'
import type { Named, Tracked } from './tracked.js'

/** Finds out whose slots are. */
export interface SlotNaming {
  /** Names the slot; true when it is settled what it is. `last`: no later chance. */
  name(one: Tracked, last: boolean): Promise<boolean>
  /**
   * Takes in what its runtime told since it was named: what it is, or what its filter was made from.
   * @returns false: it turned out to be nobody's workload.
   */
  learnMore(one: Named): boolean
  /** Sets of containers that nobody could name. */
  unidentified(): number
}

/** docker's runc knows no name but the id: the words that people use are its engine's. */
const isHalfNamed = ({ runtime, name, id }: Container): boolean =>
  (runtime === 'docker' || runtime === 'podman') && name === id

export function createSlotNaming(options: {
  recorder: Recorder
  registry: ContainerRegistry
  logger: Logger
  only?: (container: Container) => boolean
  onNamed?: (container: Container) => void
}): SlotNaming {
  const { recorder, registry, logger } = options
  let unidentified = 0

  const find = async (one: Tracked, last: boolean): Promise<Container | undefined> => {
    const found = registry.find(one.slot)
    if (found !== undefined && !isHalfNamed(found) && !isHalfTold(found.labels)) return found
    const now = performance.now()
    if (!last && now - one.askedAt < askEveryMs) return found
    one.askedAt = now
    // Where there is a unified hierarchy, who is in its root is in no container.
    const isHost = one.slot.cgroupId <= 1n && cgroupMount() !== undefined
    if (isHost && !isNamelessContainer(one.slot)) return found
    await registry.ask(one.slot)
    return registry.find(one.slot)
  }

  const isWanted = (container: Container): boolean =>
    !isSandbox(container.labels) && options.only?.(container) !== false
  const ignore = (one: Tracked): void => {
    one.ignored = true
    recorder.ignore(one.slot.index, one.slot.generation)
  }

  return {
    async name(one, last) {
      if (one.ignored || one.container !== undefined) return true
      const found = await find(one, last)
      const isWhole = found !== undefined && !isHalfTold(found.labels)
      if (!isWhole && !last && performance.now() - one.met < graceMs) return false
      const identity = identify(one.slot, found === undefined ? [] : [found])
      if (identity.kind === 'other' && isNamelessContainer(one.slot)) {
        unidentified += 1
        logger.error({ mntns: one.slot.mntns }, 'a container was gone before anybody could name it')
      }
      if (identity.kind === 'other' || !isWanted(identity.container)) {
        ignore(one)
        return true
      }
      one.container = identity.container
      options.onNamed?.(identity.container)
      one.byName = found === undefined
      if (one.byName) unidentified += 1
      return true
    },
    learnMore(one) {
      const lacks = one.slot.filtered && one.container.seccomp === undefined
      const told = one.byName || lacks ? registry.find(one.slot) : undefined
      if (told === undefined || (!one.byName && told.seccomp === undefined)) return true
      // The rest of it comes from another runtime, later.
      if (one.byName && (isHalfTold(told.labels) || isHalfNamed(told))) return true
      if (one.byName && !isWanted(told)) {
        ignore(one)
        return false
      }
      if (one.byName) one.sent = -1
      one.byName = false
      one.container = told
      return true
    },
    unidentified: () => unidentified
  }
}
