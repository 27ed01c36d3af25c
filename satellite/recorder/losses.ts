import type { Recorder } from '../../native/types.js'
import type { Losses } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'

/** What each kind of loss means, for the log. */
const meanings: Record<keyof Losses, string> = {
  tableFull: 'containers found no free slot',
  unknownSyscalls: 'calls had numbers that the table does not know',
  recursionMisses: 'runs of the hook were skipped by the kernel',
  unidentified: 'sets belong to containers that could not be named',
  details: 'argument values, denial details or counts of i386 and x32 found no room',
  missed:
    'containers ran while nothing was attached, or were recorded by another release whose layout this one cannot read',
  givenUp: 'observations were given up: too many waited for the hub'
}

/** What was lost since `before`, a sentence for each kind; empty when nothing was. */
function newLosses(before: Losses, now: Losses): string[] {
  return (Object.keys(meanings) as (keyof Losses)[])
    .filter((kind) => now[kind] > before[kind])
    .map((kind) => `${now[kind] - before[kind]} ${meanings[kind]}`)
}

/** What the kernel side counts, with what the satellite itself could not name, see or keep. */
export function lossesOf(
  { detailsLost, argumentsLost, ...counted }: ReturnType<Recorder['counters']>,
  own: Pick<Losses, 'unidentified' | 'missed' | 'givenUp'>
): Losses {
  return { ...counted, details: detailsLost + argumentsLost, ...own }
}

/** Losses are compared this often: the kernel is asked for some of them. */
const compareEveryMs = 1000

/** Logs what was lost since the last time, at most once a second. @param read the losses as of now. */
export function createLossLog(read: () => Losses, logger: Logger): { look(nowMs: number): void } {
  let lost = read()
  let lookedAt = 0
  return {
    look(nowMs) {
      if (nowMs - lookedAt < compareEveryMs) return
      lookedAt = nowMs
      const losses = read()
      for (const what of newLosses(lost, losses)) logger.error({ losses }, what)
      lost = losses
    }
  }
}
