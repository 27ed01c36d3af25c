import type { Logger } from '../../src/log.js'
import type { Denial } from './observations.js'

/** Refused syscalls, the newest of them, with a log line for each that is new or has grown. */
export interface Denials {
  note(denials: readonly Denial[]): void
  /** Newest last. */
  list(): Denial[]
}

const most = 1000

export function createDenials(logger: Logger): Denials {
  const known = new Map<string, Denial>()
  return {
    note(denials) {
      for (const denial of denials) {
        const key = `${denial.node} ${denial.instance} ${denial.syscall}`
        const before = known.get(key)
        // Counts are cumulative: a repeat of an older message must not look like news.
        if (before !== undefined && before.count >= denial.count) continue
        known.delete(key)
        known.set(key, denial)
        logger.warn(denial, 'denial')
        const [oldest] = known.keys()
        if (known.size > most && oldest !== undefined) known.delete(oldest)
      }
    },
    list: () => [...known.values()]
  }
}
