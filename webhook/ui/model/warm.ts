import type { Ui } from './context.js'
import { derivedOf } from './derived.js'

/** After the start at once; after changes seldom: most change nothing that is costly. */
const settleMs = 5000
/** One risk takes some milliseconds: with these rests between them, a fifth of a core while there are new ones. */
const restMs = 20

/**
 * Works out beforehand what lists show of every workload, those that they show first at first. A page of
 * fifty new ones would take a quarter of a second else. Returns how to stop.
 */
export function startWarming(ui: Pick<Ui, 'sources' | 'lines' | 'now'>): () => void {
  let timer: NodeJS.Timeout | undefined
  const later = (): void => {
    timer ??= setTimeout(begin, settleMs)
    timer.unref()
  }
  const begin = (): void => {
    const derived = derivedOf(ui.sources, ui.now())
    const cold = ui.lines().filter(({ profile }) => !derived.isRiskKnown(profile))
    const next = (at: number): void => {
      timer = undefined
      const line = cold[at]
      if (line === undefined) return
      derived.review(line.profile)
      timer = setTimeout(next, restMs, at + 1)
      timer.unref()
    }
    next(0)
  }
  const leave = ui.sources.onChange(later)
  begin()
  return () => {
    leave()
    clearTimeout(timer)
  }
}
