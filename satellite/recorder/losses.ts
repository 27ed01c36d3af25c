import type { Recorder } from '../../native/types.js'
import type { Losses } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'

/** The meaning of each kind of loss, for the log. */
const meanings: Record<keyof Losses, string> = {
  tableFull: 'containers found no free slot',
  unknownSyscalls: 'syscalls have numbers that the table does not know',
  recursionMisses: 'runs of the hook were skipped by the kernel',
  unidentified: 'sets belong to containers that could not be identified',
  details: 'argument values, denial details or counts of i386 and x32 found no room',
  missed:
    'containers ran while the recorder was detached, or were recorded by another release whose layout this one cannot read',
  givenUp: 'observations were given up: too many waited for the hub'
}

/** What was lost since `before`, a sentence for each kind; empty if nothing was. */
function newLosses(before: Losses, now: Losses): string[] {
  return (Object.keys(meanings) as (keyof Losses)[])
    .filter((kind) => now[kind] > before[kind])
    .map((kind) => `${now[kind] - before[kind]} ${meanings[kind]}`)
}

/** The losses that the kernel side counts, with those of the satellite itself. */
export function lossesOf(
  { detailsLost, argumentsLost, ...counted }: ReturnType<Recorder['counters']>,
  own: Pick<Losses, 'unidentified' | 'missed' | 'givenUp'>
): Losses {
  return { ...counted, details: detailsLost + argumentsLost, ...own }
}

/** Losses are compared this often: reading some of them is a syscall. */
const compareEveryMs = 1000

/** LossLog logs what was lost since the last time, at most once a second. */
export class LossLog {
  readonly #read: () => Losses
  readonly #logger: Logger
  #logged: Losses
  #comparedAt = 0

  /** @param read returns the losses as of now. */
  constructor(read: () => Losses, logger: Logger) {
    this.#read = read
    this.#logger = logger
    this.#logged = read()
  }

  update(nowMs: number): void {
    if (nowMs - this.#comparedAt < compareEveryMs) return
    this.#comparedAt = nowMs
    const losses = this.#read()
    for (const loss of newLosses(this.#logged, losses)) this.#logger.error({ losses }, loss)
    this.#logged = losses
  }
}
