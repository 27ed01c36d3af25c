import { constants } from 'node:os'
import type { Slot } from '../../../native/types.js'
import type { AbiCounts, AbiNames } from '../../../src/api/gen/hub.js'
import type { Container } from '../../containers/runtime.js'

/** Calls in which only a service waits for work: once one is seen, the instance is ready. */
const accepts = new Set(['accept', 'accept4'])
/**
 * Calls in which a service waits too, but so do programs that are not services yet: a resolver polls, and Node
 * and Go run their event loops to read a file or to dial. They count after `listen`. `bind` is no sign: resolvers
 * bind as well.
 */
const waits = new Set(
  `epoll_wait epoll_pwait epoll_pwait2 poll ppoll ppoll_time64 select _newselect pselect6
  pselect6_time64`.split(/\s+/)
)
/** An instance that has not waited for work by then is ready by age: batch programs, busy loops, clients. */
export const readyAfterMs = 30_000

/** Names of one ABI with their counts, in two lists: for thousands of instances maps would take most of the memory. */
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

/** Returns the calls until now; a call that is blocked for the first time has count 0. */
function callsOf(counts: Counted, names: readonly AbiCounts[]): Map<string, Calls> {
  return new Map(
    names.map(({ abi, syscalls }) => {
      const own = syscalls.map(({ name }) => name)
      return [abi, { names: own, counts: own.map((name) => counts.get(abi)?.get(name) ?? 0) }]
    })
  )
}

/** Returns whether an accept has returned: one that is blocked is not counted. */
function hasAccepted(counts: readonly AbiCounts[]): boolean {
  return counts.some(({ syscalls }) =>
    syscalls.some(({ name, count }) => accepts.has(name) && count > 0)
  )
}

function hasNames(table: ReadonlyMap<string, ReadonlySet<string>> | undefined): boolean {
  if (table === undefined) return false
  for (const { size } of table.values()) if (size > 0) return true
  return false
}

/** Returns names by ABI, without ABIs that have none. */
function namesOf(table: ReadonlyMap<string, Iterable<string>>): AbiNames[] {
  return [...table]
    .map(([abi, names]) => ({ abi, names: [...names].sort() }))
    .filter(({ names }) => names.length > 0)
    .sort((a, b) => (a.abi < b.abi ? -1 : 1))
}

/**
 * Phases splits the syscalls of an instance into those before it was ready and those after. It is a class rather than a
 * closure, because most instances end before they are ready and need none of its functions.
 */
export class Phases {
  readonly #fromStart: boolean
  readonly #timeOf: (ageMs: number) => string
  #readyAt = ''
  /** Waits that were counted before it listened. */
  #idle = 0
  /** It was seen to wait for work, and was not only ready by age. */
  #waited = false
  #accepted = false
  #started: ReadonlyMap<string, Calls> = none
  #serving: Map<string, Set<string>> | undefined = undefined

  /**
   * @param fromStart the start was seen, so the calls before readiness are the complete start-up.
   * @param timeOf turns an age in milliseconds into an RFC 3339 time.
   */
  constructor(fromStart: boolean, timeOf: (ageMs: number) => string) {
    this.#fromStart = fromStart
    this.#timeOf = timeOf
  }

  /**
   * Adds what is known now.
   * @param counts exact counts, without calls that are blocked now.
   * @param names calls that were counted or are blocked.
   * @returns whether anything is new: the instance became ready, or used a name for the first time since.
   */
  update(counts: readonly AbiCounts[], names: readonly AbiCounts[], ageMs: number): boolean {
    const served = this.served
    this.#waited ||= this.#waits(names)
    this.#accepted ||= this.#waited && hasAccepted(counts)
    if (this.ready) return this.#grow(counts, names) || this.served !== served
    const waiting = this.#waited
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

  /** Whether it was seen to do work that it had waited for: a program that is only old serves nobody. */
  get served(): boolean {
    return this.#waited && (this.#accepted || hasNames(this.#serving))
  }

  /** Names used before it was ready. Empty until it is ready, and always if its start was not seen. */
  startup(): AbiNames[] {
    if (!this.#fromStart || !this.ready) return []
    return namesOf(new Map([...this.#started].map(([abi, { names }]) => [abi, names])))
  }

  /** Names used after it was ready. */
  serving(): AbiNames[] {
    return this.#serving === undefined ? [] : namesOf(this.#serving)
  }

  /** RFC 3339; empty until it is ready. */
  readyAt(): string {
    return this.#readyAt
  }

  /** Adds names that were called again since it was ready, or for the first time, even if that call is still blocked. */
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
 * How an instance ended. A program that is killed, or crashes, never makes the calls of its stop; of other signals than
 * SIGKILL the name is there. `ended`: how is not known.
 */
export type Ending = 'stop' | 'killed' | `killed ${string}` | 'ended'

const { signals } = constants
/** Signals by which somebody asks a program to end, and which end one that has no handler. */
const stopping: ReadonlySet<number> = new Set([
  signals.SIGTERM,
  signals.SIGINT,
  signals.SIGHUP,
  signals.SIGQUIT
])

/** Returns the name of a signal; those of a program's own have numbers. */
function nameOfSignal(signal: number): string {
  const found = Object.entries(signals).find(([, number]) => number === signal)
  return found?.[0] ?? `SIG${signal}`
}

/**
 * Returns how a slot's instance ended, by the status of its first process. Of a slot that was taken by another process of
 * its container, and of one whose end nobody saw, it is not known.
 */
export function endingOf(
  { pid, ending }: Pick<Slot, 'pid' | 'ending'>,
  container: Pick<Container, 'pid' | 'firstPid'>
): Ending {
  const first = container.firstPid ?? container.pid
  if (ending === undefined || (first > 0 && first !== pid)) return 'ended'
  const signal = ending & 0x7f
  if (signal === 0 || stopping.has(signal)) return 'stop'
  return signal === signals.SIGKILL ? 'killed' : `killed ${nameOfSignal(signal)}`
}

/**
 * Returns what an instance went through: start, serve, how it ended, and probe. `reload` is never reported: the kernel
 * side counts calls, and no call proves that a SIGHUP was handled (rt_sigreturn ends every handler).
 */
export function eventsOf(facts: {
  complete: boolean
  serves: boolean
  /** Undefined while it runs, and for execs: they are not the application. */
  ending: Ending | undefined
  probed: boolean
}): string[] {
  const events: string[] = []
  if (facts.complete) events.push('start')
  if (facts.serves) events.push('serve')
  if (facts.ending !== undefined) events.push(facts.ending)
  if (facts.probed) events.push('probe')
  return events
}
