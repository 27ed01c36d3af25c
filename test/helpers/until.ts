import { inspect } from 'node:util'
import { setTimeout as delay } from 'node:timers/promises'

/** What was waited for can never be: nobody waits for it any longer. */
export class GivenUp extends Error {}

/** Resolves as the promise does, and rejects when that takes too long: whoever waits says for what. */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  timeoutMs = 45_000,
  last: () => string = () => ''
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`waited ${timeoutMs} ms for ${what}${last()}`))
    }, timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A probe that takes long is called less often: who waits leaves the cores to what is waited for. */
const share = 5
const longestRestMs = 500

interface UntilOptions {
  timeoutMs?: number
  /** Shortest time between two calls of the probe. */
  everyMs?: number
  /** The probe is the work itself: it is called at this pace, however long it takes. */
  steady?: boolean
  /** Ends the wait with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** A probe calls it with what it saw, so that a wait that fails can print it. */
export type Note = (seen: unknown) => void

const late = Symbol('late')

/** Resolves with the probe's value, or with `late` when the time is over before the probe is. */
async function orLate<T>(probe: Promise<T>, ms: number): Promise<T | typeof late> {
  const over = new AbortController()
  const limit = delay(ms, late, { signal: over.signal })
  limit.catch(() => undefined)
  try {
    return await Promise.race([probe, limit])
  } finally {
    over.abort()
  }
}

/** Returns what is printed of what a probe saw last. */
function wordsOf(last: unknown): string {
  if (last === undefined) return ''
  if (last instanceof Error) return `: ${last.message}`
  return `: ${typeof last === 'string' ? last : inspect(last, { depth: 8, breakLength: 120 })}`
}

/**
 * Calls `probe` until it returns something. After the time it throws, with what was waited for and what the probe
 * threw or noted last; a probe that does not answer is not waited for any longer than that. For the few things that
 * offer no event (another program's readiness); everything else waits on events.
 */
export async function until<T>(
  what: string,
  probe: (note: Note) => Promise<T | undefined> | T | undefined,
  { timeoutMs = 120_000, everyMs = 20, steady = false, signal }: UntilOptions = {}
): Promise<T> {
  const end = Date.now() + timeoutMs
  let last: unknown
  const note: Note = (seen) => (last = seen)
  for (;;) {
    signal?.throwIfAborted()
    const asked = performance.now()
    try {
      const answer = Promise.resolve().then(() => probe(note))
      const value = await orLate(answer, Math.max(1000, end - Date.now()))
      if (value === late)
        throw new GivenUp(`waited ${timeoutMs} ms for ${what}: no answer${wordsOf(last)}`)
      if (value !== undefined) return value
    } catch (error) {
      if (error instanceof GivenUp) throw error
      last = error
    }
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}${wordsOf(last)}`)
    const tookMs = performance.now() - asked
    const restMs = steady ? 0 : Math.min(share * tookMs, longestRestMs)
    await delay(Math.max(everyMs, restMs))
  }
}
