import { setImmediate as turn } from 'node:timers/promises'
import type { Observation } from '../../../src/api/gen/hub.js'
import { sliceMs } from '../../../src/lib/slices.js'
import type { Session } from '../stream/session.js'
import { observationsAtOnce } from '../stream/read-message.js'

/** While more observations than this wait, the satellites that send them are slowed down; below half of it they are not. */
const mostWaiting = 2000
/** The same for the memory that they take, in bytes: a small hub has 512 MiB for everything. */
const mostBytes = 64 << 20

/** What is expected of an observation when it is found out how many satellites may go on. */
const usualBytes = 48 << 10

interface Waiting {
  session: Session
  observation: Observation
  bytes: number
}

/** IntakeLoad is how much waits, and how often a satellite was slowed down. */
export interface IntakeLoad {
  waiting: number
  slowed: number
}

/**
 * ObservationIntake takes the observations of all satellites in turns. When a fleet reports more than the hub can take, the
 * streams wait: satellites keep what was not taken, and nothing is lost or rejected.
 */
export class ObservationIntake {
  readonly #take: (session: Session, observation: Observation) => void
  readonly #held = new Set<Session>()
  #waiting: Waiting[] = []
  /** Of `waiting`: those that were taken. */
  #taken = 0
  /** Of those that were not taken. */
  #bytes = 0
  #slowed = 0
  #offered = 0
  #done = 0
  #isPlanned = false

  constructor(take: (session: Session, observation: Observation) => void) {
    this.#take = take
  }

  /** @param bytes about how much memory the observation takes */
  offer(session: Session, observation: Observation, bytes: number): void {
    this.#waiting.push({ session, observation, bytes })
    this.#bytes += bytes
    this.#offered += 1
    const isFull = this.#length > mostWaiting || this.#bytes > mostBytes
    if (isFull && !this.#held.has(session)) {
      this.#held.add(session)
      this.#slowed += 1
      session.hold()
    }
    this.#plan()
  }

  load(): IntakeLoad {
    return { waiting: this.#length, slowed: this.#slowed }
  }

  /** Resolves when what waits now was taken. */
  async settled(): Promise<void> {
    const until = this.#offered
    while (this.#done < until) await turn()
  }

  get #length(): number {
    return this.#waiting.length - this.#taken
  }

  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    setImmediate(() => this.#slice())
  }

  #slice(): void {
    this.#isPlanned = false
    const began = performance.now()
    for (let one = this.#waiting[this.#taken]; one !== undefined; ) {
      this.#taken += 1
      this.#bytes -= one.bytes
      this.#done += 1
      this.#take(one.session, one.observation)
      if (performance.now() - began > sliceMs) break
      one = this.#waiting[this.#taken]
    }
    // Those that were taken are kept until then.
    if (this.#length === 0 || this.#taken > mostWaiting / 4) {
      this.#waiting = this.#waiting.slice(this.#taken)
      this.#taken = 0
    }
    if (this.#length < mostWaiting / 2 && this.#bytes < mostBytes / 2) this.#release()
    if (this.#length > 0 || this.#held.size > 0) this.#plan()
  }

  /** Lets go on those that waited longest, as many as can fill what is free. */
  #release(): void {
    const free = Math.min(mostWaiting - this.#length, (mostBytes - this.#bytes) / usualBytes)
    let room = Math.ceil(free / observationsAtOnce)
    for (const session of this.#held) {
      if (room === 0) return
      room -= 1
      this.#held.delete(session)
      session.release()
    }
  }
}
