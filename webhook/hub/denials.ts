import type { Logger } from '../../src/log.js'
import type { Denial } from './denial.js'

/** Refused syscalls, the newest of them, with a log line for each that is new or has grown. */
export interface Denials {
  note(denials: readonly Denial[]): void
  /** Newest last. */
  list(): Denial[]
}

const most = 1000

function keyOf({ node, instance, abi, syscall, action }: Denial): string {
  return `${node} ${instance} ${abi} ${syscall} ${action}`
}

/** `grew`: called for each denial that is new or has grown, with how many calls more; 0: who it was is news. */
export function createDenials(
  logger: Logger,
  grew: (denial: Denial, added: number) => void = () => undefined
): Denials {
  const known = new Map<string, Denial>()
  return {
    note(denials) {
      for (const denial of denials) {
        const key = keyOf(denial)
        const before = known.get(key)
        // Counts are cumulative: a repeat of an older message must not look like news.
        if (before !== undefined && before.count >= denial.count) {
          // The audit log may tell later who it was.
          const tells = before.count === denial.count && before.pid === 0 && denial.pid > 0
          if (tells) {
            known.set(key, denial)
            grew(denial, 0)
          }
          continue
        }
        known.delete(key)
        known.set(key, denial)
        grew(denial, denial.count - (before?.count ?? 0))
        // What a profile refuses on purpose happens in every container.
        if (denial.expected) logger.debug(denial, 'expected denial')
        else logger.warn(denial, 'denial')
        const [oldest] = known.keys()
        if (known.size > most && oldest !== undefined) known.delete(oldest)
      }
    },
    list: () => [...known.values()]
  }
}
