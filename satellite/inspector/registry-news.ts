import { isSandbox } from '../containers/labels.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'

/** What the registry told since the last look, the newest of each run. */
export interface RegistryNews<Met> {
  /**
   * Those of which there is news, heard so long ago at least: what cannot be met yet, or came just now, is tried
   * again with the next call.
   */
  take(nowMs: number, ageMs: number): Generator<Met>
  close(): void
}

/**
 * Hears of each container by itself: to walk through all that are known, for each that comes, would be most of
 * the inspector's work. Most containers of a busy node are over before they are looked at: of them nothing is kept.
 */
export function createRegistryNews<Met>(options: {
  registry: Pick<ContainerRegistry, 'all' | 'onChange'>
  /** This object of the registry was met. */
  isMet: (container: Container) => boolean
  /** The same run, met while it lived. */
  metBefore: (container: Container) => Met | undefined
  /** undefined: its process cannot be read. */
  meet: (container: Container, nowMs: number) => Met | undefined
}): RegistryNews<Met> {
  const { registry, isMet, metBefore, meet } = options
  const waiting = new Map<string, { container: Container; heardAt: number }>()

  function hear(container: Container): void {
    const run = `${container.id} ${container.firstPid ?? container.pid}`
    const isNews =
      container.pid === 0
        ? metBefore(container) !== undefined
        : !isMet(container) && !isSandbox(container.labels)
    if (!isNews) waiting.delete(run)
    else {
      const heardAt = waiting.get(run)?.heardAt ?? performance.now()
      waiting.set(run, { container, heardAt })
    }
  }

  const ignore = registry.onChange(hear)
  for (const container of registry.all()) hear(container)
  return {
    *take(nowMs, ageMs) {
      for (const [run, { container, heardAt }] of waiting) {
        if (container.pid > 0 && nowMs - heardAt < ageMs) continue
        const one = container.pid === 0 ? metBefore(container) : meet(container, nowMs)
        // Gone, or not readable yet: the registry will tell which of the two.
        if (one === undefined && container.pid > 0) continue
        waiting.delete(run)
        if (one !== undefined) yield one
      }
    },
    close: () => ignore()
  }
}
