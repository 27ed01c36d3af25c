import { setTimeout as delay } from 'node:timers/promises'

/** What was waited for can never be: nobody waits for it any longer. */
export class GivenUp extends Error {}

interface UntilOptions {
  timeoutMs?: number
  everyMs?: number
  /** Ends the wait with the signal's reason. */
  signal?: AbortSignal | undefined
}

/**
 * Asks `probe` until it gives something, and at last says what was waited for. For the few things
 * that offer no event (another program's readiness); everything else waits on events.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 120_000, everyMs = 20, signal }: UntilOptions = {}
): Promise<T> {
  const end = Date.now() + timeoutMs
  let last: unknown
  for (;;) {
    signal?.throwIfAborted()
    try {
      const value = await probe()
      if (value !== undefined) return value
    } catch (error) {
      if (error instanceof GivenUp) throw error
      last = error
    }
    if (Date.now() > end) {
      const why = last instanceof Error ? `: ${last.message}` : ''
      throw new Error(`waited ${timeoutMs} ms for ${what}${why}`)
    }
    await delay(everyMs)
  }
}
