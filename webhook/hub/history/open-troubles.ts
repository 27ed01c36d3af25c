import type { HistoryEvent, WorkloadKey } from '../../../src/history/workload-history.js'
import { type Trouble, troubleEvent } from './history-events.js'

/** How a container drifts, or is less protected than its rule says. */
export interface ContainerTroubles {
  /** The key of the container's run. */
  key: string
  workload: WorkloadKey
  /** By kind. */
  troubles: ReadonlyMap<string, Trouble>
}

/** OpenTroubles knows the troubles of containers that have not ended, by run and kind. */
export class OpenTroubles {
  readonly #open = new Map<string, Map<string, Trouble>>()

  clear(): void {
    this.#open.clear()
  }

  /** Returns since when a container has a trouble. */
  since(key: string, kind: string): string | undefined {
    return this.#open.get(key)?.get(kind)?.since
  }

  /** Takes an event of a history: a trouble that has no end is still open. */
  reopen({ id, at, what, text, until }: HistoryEvent): void {
    const [, kind = '', key = ''] = /^drift (\S+) (.+) \S+$/.exec(id) ?? []
    if (what !== 'drift' || until !== undefined || key === '') return
    const open = this.#open.get(key) ?? new Map<string, Trouble>()
    this.#open.set(key, open.set(kind, { message: text, since: at }))
  }

  /** Sets the troubles that a container has now. Returns the events of those that began or ended. */
  update(key: string, troubles: ReadonlyMap<string, Trouble>, until: string): HistoryEvent[] {
    const before = this.#open.get(key)
    const began = [...troubles].filter(([kind]) => before?.has(kind) !== true)
    const ended = [...(before ?? [])].filter(([kind]) => !troubles.has(kind))
    const kept = [...troubles].map(([kind, one]) => [kind, before?.get(kind) ?? one] as const)
    if (kept.length === 0) this.#open.delete(key)
    else this.#open.set(key, new Map(kept))
    return [
      ...began.map(([kind, one]) => troubleEvent(key, kind, one)),
      ...ended.map(([kind, one]) => ({ ...troubleEvent(key, kind, one), until }))
    ]
  }
}
