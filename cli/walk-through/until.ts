import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError } from '../../src/lib/errors.js'

/** Asks until there is an answer. UNAVAILABLE, naming what was waited for, after `limitMs`. */
export async function until<Answer>(
  ask: () => Promise<Answer | undefined>,
  options: { limitMs: number; what: string; signal?: AbortSignal; everyMs?: number }
): Promise<Answer> {
  const deadline = Date.now() + options.limitMs
  for (;;) {
    options.signal?.throwIfAborted()
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > deadline) {
      throw new SeccoError(
        'UNAVAILABLE',
        `waited ${options.limitMs / 1000} s in vain for ${options.what}`,
        {
          hint: 'the lines above show how far it came; the logs of hub and satellite say why'
        }
      )
    }
    await delay(
      options.everyMs ?? 100,
      undefined,
      options.signal === undefined ? {} : { signal: options.signal }
    )
  }
}
