import type { Ui } from './context.js'
import { derivedOf } from './derived.js'

/** Interval after the start and after changes, in ms: most of them change nothing that is costly to compute. */
const settleMs = 5000
/** Pause between two risks, in ms. One takes some milliseconds, so this uses a fifth of a core. */
const restMs = 20

/**
 * Computes what lists show of every workload before anybody asks, in the order of the lists. Without it a page
 * of fifty new workloads takes a quarter of a second. Returns a function that stops it.
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
  // Not at once: a hub that starts has more urgent work.
  later()
  return () => {
    leave()
    clearTimeout(timer)
  }
}
