import { rename, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** More often than a satellite repairs what it finds. */
const againMs = 200

/** Whoever reads it reads the old text or the new one, whole. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

/**
 * Damages a file of a node again and again while somebody waits for that to be seen: a satellite verifies its
 * files once a minute and repairs them, and nobody knows when. No damage is done any more once this has ended.
 * @throws what the first damage, or `ask`, does
 */
export async function whileDamaged<T>(
  damage: () => Promise<unknown>,
  ask: () => Promise<T>
): Promise<T> {
  await damage()
  const end = new AbortController()
  const again = (async () => {
    while (!end.signal.aborted) {
      await damage().catch(() => undefined)
      await delay(againMs, undefined, { signal: end.signal }).catch(() => undefined)
    }
  })()
  try {
    return await ask()
  } finally {
    end.abort()
    await again
  }
}
