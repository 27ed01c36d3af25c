import type { AbiCounts, AbiNames } from '../../../src/api/gen/hub.js'

/** Calls that only a service waits for work in: seen, the instance is ready. */
const accepts = new Set(['accept', 'accept4'])
/**
 * In these a service waits, too, but others do before they are one: a resolver polls, Node and Go run their
 * loops to read a file or to dial. They count from `listen` on. `bind` would not do: resolvers bind.
 */
const waits = new Set(
  `epoll_wait epoll_pwait epoll_pwait2 poll ppoll ppoll_time64 select _newselect pselect6
  pselect6_time64`.split(/\s+/)
)
/** Who has not waited for work until then is ready by age: batch programs, busy loops, who only dials out. */
export const readyAfterMs = 30_000

/** What an instance used before it was ready and after. */
export interface Phases {
  /**
   * Takes in what is known now.
   * @param counts exact counts; a call that is blocked right now is not in them.
   * @param names counted or blocked.
   * @returns whether anything is new: it became ready, or a name serves for the first time.
   */
  look(counts: readonly AbiCounts[], names: readonly AbiCounts[], ageMs: number): boolean
  readonly ready: boolean
  /** Empty until it is ready; empty for ever when the beginning was not seen. */
  startup(): AbiNames[]
  /** Names that are called after it was ready. */
  serving(): AbiNames[]
  /** RFC 3339; empty until it is ready. */
  readyAt(): string
}

/** Names of one ABI with their counts, side by side: of thousands of instances, maps would be most of the memory. */
interface Calls {
  names: string[]
  counts: number[]
}

const none: ReadonlyMap<string, Calls> = new Map()

type Counted = ReadonlyMap<string, ReadonlyMap<string, number>>

function tableOf(abis: readonly AbiCounts[]): Counted {
  return new Map(
    abis.map(({ abi, syscalls }) => [abi, new Map(syscalls.map((one) => [one.name, one.count]))])
  )
}

/** What was called until now; what is blocked for the first time has count 0. */
function callsOf(counts: Counted, names: readonly AbiCounts[]): Map<string, Calls> {
  return new Map(
    names.map(({ abi, syscalls }) => {
      const own = syscalls.map(({ name }) => name)
      return [abi, { names: own, counts: own.map((name) => counts.get(abi)?.get(name) ?? 0) }]
    })
  )
}

/** Only ABIs with at least one name. */
function namesOf(table: ReadonlyMap<string, Iterable<string>>): AbiNames[] {
  return [...table]
    .map(([abi, names]) => ({ abi, names: [...names].sort() }))
    .filter(({ names }) => names.length > 0)
    .sort((a, b) => (a.abi < b.abi ? -1 : 1))
}

/** A class, so that its functions are there once: most of those that come and go are never ready. */
class OwnPhases implements Phases {
  readonly #fromStart: boolean
  readonly #timeOf: (ageMs: number) => string
  #readyAt = ''
  /** Waits that were seen while it did not listen. */
  #idle = 0
  #started: ReadonlyMap<string, Calls> = none
  #serving: Map<string, Set<string>> | undefined = undefined

  constructor(fromStart: boolean, timeOf: (ageMs: number) => string) {
    this.#fromStart = fromStart
    this.#timeOf = timeOf
  }

  look(counts: readonly AbiCounts[], names: readonly AbiCounts[], ageMs: number): boolean {
    if (this.ready) return this.#grow(counts, names)
    const waiting = this.#waits(names)
    if (!waiting && ageMs < readyAfterMs) return false
    this.#readyAt = this.#timeOf(waiting ? ageMs : readyAfterMs)
    this.#started = callsOf(tableOf(counts), names)
    return true
  }

  #waits(names: readonly AbiCounts[]): boolean {
    let [listens, waited] = [false, 0]
    for (const { syscalls } of names) {
      for (const { name, count } of syscalls) {
        if (accepts.has(name)) return true
        if (name === 'listen') listens = true
        else if (waits.has(name)) waited += count
      }
    }
    if (!listens) this.#idle = waited
    return listens && waited > this.#idle
  }

  get ready(): boolean {
    return this.#readyAt !== ''
  }

  startup(): AbiNames[] {
    if (!this.#fromStart || !this.ready) return []
    return namesOf(new Map([...this.#started].map(([abi, { names }]) => [abi, names])))
  }

  serving(): AbiNames[] {
    return this.#serving === undefined ? [] : namesOf(this.#serving)
  }

  readyAt(): string {
    return this.#readyAt
  }

  /** Called again since, or for the first time: then it need not even have come back. */
  #grow(counts: readonly AbiCounts[], names: readonly AbiCounts[]): boolean {
    let grew = false
    const serving = (this.#serving ??= new Map<string, Set<string>>())
    const exact = tableOf(counts)
    for (const { abi, syscalls } of names) {
      const known = serving.get(abi) ?? new Set<string>()
      serving.set(abi, known)
      const begin = this.#started.get(abi)
      const before = new Map(begin?.names.map((name, at) => [name, begin.counts[at] ?? 0]))
      for (const { name } of syscalls) {
        if (known.has(name)) continue
        const more = (exact.get(abi)?.get(name) ?? 0) > (before.get(name) ?? 0)
        if (!more && before.has(name)) continue
        known.add(name)
        grew = true
      }
    }
    return grew
  }
}

/**
 * @param fromStart the beginning was seen, so that what comes before readiness is all of start-up.
 * @param timeOf RFC 3339 of the age in milliseconds at which something happened.
 */
export function createPhases(fromStart: boolean, timeOf: (ageMs: number) => string): Phases {
  return new OwnPhases(fromStart, timeOf)
}

/**
 * What an instance went through, of start, serve, stop and probe. `reload` is never said: the kernel
 * side counts calls, and no call proves that a SIGHUP was handled (rt_sigreturn ends every handler).
 */
export function eventsOf(facts: {
  complete: boolean
  serves: boolean
  ended: boolean
  probed: boolean
}): string[] {
  const events: string[] = []
  if (facts.complete) events.push('start')
  if (facts.serves) events.push('serve')
  if (facts.ended) events.push('stop')
  if (facts.probed) events.push('probe')
  return events
}
