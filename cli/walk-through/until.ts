import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError } from '../../src/lib/errors.js'

/** Polls until there is an answer. @throws SeccoError UNAVAILABLE that names what was expected, after `limitMs` */
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
        `waited ${options.limitMs / 1000} s without success for ${options.what}`,
        {
          hint: 'look at the lines above and at the logs of hub and satellite'
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
