import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Observation } from '../../src/api/gen/hub.js'
import type { TraceUpdate } from '../../src/api/gen/satellite.js'
import { SeccoError } from '../../src/lib/errors.js'
import { Listeners } from '../../src/lib/listeners.js'
import type { Recording } from '../recorder/recording.js'
import { EndedList, type Recorded, recordedOf } from './ended-list.js'
import { lostIn, sumAbis } from './trace-report.js'

/** Counters are sent this often while a trace runs. */
const updateMs = 1000
/** Number of ended containers that `list` and a late `stop` can still report. */
const rememberedEnds = 512

/** What traces need of a satellite's recording. */
export type TracedRecording = Pick<Recording, 'current' | 'losses' | 'hold' | 'problem'>

/** A running trace. */
interface Trace {
  id: string
  /** The id or name of a container that the user gave. */
  word: string
  stop: AbortController
}

function isMeant({ container }: Recorded, word: string): boolean {
  const { id, name } = container
  return id === word || name === word || (word.length >= 12 && id.startsWith(word))
}

function toUpdate(traceId: string, observations: readonly Recorded[], lost: number): TraceUpdate {
  const first = observations[0]?.container
  const hasAny = observations.length > 0
  return {
    traceId,
    container: first?.name ?? '',
    complete: lost === 0 && hasAny && observations.every((one) => one.complete),
    ended: hasAny && observations.every((one) => one.ended),
    lost,
    abis: Object.entries(sumAbis(observations.map((one) => one.abis))).map(([abi, counts]) => ({
      abi,
      counts
    }))
  }
}

function groupByContainer(observations: readonly Recorded[]): Recorded[][] {
  const groups = new Map<string, Recorded[]>()
  for (const observation of observations) {
    const key = `${observation.container.runtime}/${observation.container.id}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [observation])
    else group.push(observation)
  }
  return [...groups.values()]
}

/** Traces runs the traces of a satellite. Its methods throw SeccoErrors. */
export class Traces {
  readonly #recording: TracedRecording
  readonly #running = new Map<string, Trace>()
  readonly #ended = new EndedList(rememberedEnds)
  readonly #ends = new Listeners()

  constructor(recording: TracedRecording) {
    this.#recording = recording
  }

  observed(observation: Observation): void {
    if (!observation.ended) return
    this.#ended.add(recordedOf(observation))
    this.#ends.notify()
  }

  start(word: string): Trace {
    const trace = { id: randomUUID(), word, stop: new AbortController() }
    this.#running.set(trace.id, trace)
    return trace
  }

  /** Writes updates until the containers end or the trace is stopped. @throws SeccoError */
  async run(trace: Trace, wait: boolean, write: (update: TraceUpdate) => void): Promise<void> {
    if (trace.word === '') {
      throw new SeccoError('INVALID_ARGUMENT', 'container: an id or a name is needed')
    }
    const release = await this.#recording.hold()
    try {
      await this.#follow(trace, wait, write)
    } finally {
      release()
    }
  }

  finished(trace: Trace): void {
    this.#running.delete(trace.id)
  }

  /** Stops a trace and returns its last update. @throws SeccoError NOT_FOUND */
  async stop(id: string): Promise<TraceUpdate> {
    const trace = this.#running.get(id)
    if (trace === undefined) throw new SeccoError('NOT_FOUND', `no trace ${id}`)
    const own = (await this.#everything()).filter((one) => isMeant(one, trace.word))
    const last = toUpdate(id, own, lostIn(this.#recording.losses()))
    trace.stop.abort()
    return last
  }

  stopAll(): void {
    for (const trace of this.#running.values()) trace.stop.abort()
  }

  async list(): Promise<{ containers: TraceUpdate[]; forgotten: number }> {
    const groups = groupByContainer(await this.#everything())
    const lost = lostIn(this.#recording.losses())
    return {
      containers: groups.map((group) => toUpdate('', group, lost)),
      forgotten: this.#ended.forgotten()
    }
  }

  async #follow(trace: Trace, wait: boolean, write: (update: TraceUpdate) => void): Promise<void> {
    // With `wait`, what ended before the trace started is another instance.
    const before = new Set(this.#ended.ids())
    let isFirst = true
    for (;;) {
      const all = (await this.#everything()).filter(({ id }) => !before.has(id))
      const own = all.filter((one) => isMeant(one, trace.word))
      this.#checkFound(own, trace.word, { wait, isFirst })
      isFirst = own.length === 0
      const update = toUpdate(trace.id, own, lostIn(this.#recording.losses()))
      write(update)
      if (trace.stop.signal.aborted || update.ended) return
      await this.#pause(trace.stop.signal)
    }
  }

  #checkFound(
    own: readonly Recorded[],
    word: string,
    { wait, isFirst }: { wait: boolean; isFirst: boolean }
  ): void {
    const text = JSON.stringify(word)
    if (own.length === 0 && !wait) {
      throw new SeccoError('CONTAINER_NOT_FOUND', `${text}: no running container has this name`)
    }
    if (isFirst && new Set(own.map(({ container }) => container.id)).size > 1) {
      throw new SeccoError('CONTAINER_AMBIGUOUS', `${text}: several containers have this name`)
    }
  }

  /** Resolves after `updateMs`, when a container ends, or when the trace is stopped. */
  async #pause(stop: AbortSignal): Promise<void> {
    const over = new AbortController()
    const { signal } = over
    const end = (): void => over.abort()
    stop.addEventListener('abort', end)
    await Promise.race([
      delay(updateMs, undefined, { signal, ref: false }).catch(() => undefined),
      this.#nextEnd(signal)
    ])
    stop.removeEventListener('abort', end)
    // Ends the other wait: a trace may take days.
    end()
  }

  #nextEnd(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        forget()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const forget = this.#ends.add(done)
      signal.addEventListener('abort', done)
    })
  }

  async #everything(): Promise<Recorded[]> {
    this.#checkRecording()
    const live = (await this.#recording.current()).map(recordedOf)
    const ids = new Set(live.map(({ id }) => id))
    return [...this.#ended.all().filter(({ id }) => !ids.has(id)), ...live]
  }

  /** @throws SeccoError TRACING_UNAVAILABLE */
  #checkRecording(): void {
    if (this.#recording.losses() === undefined) {
      throw new SeccoError('TRACING_UNAVAILABLE', this.#recording.problem)
    }
  }
}
