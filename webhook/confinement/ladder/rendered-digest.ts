import type { Truth } from '../truth.js'

/** Rendering follows an approval within some hundred milliseconds; who asks waits for half a minute. */
const patienceMs = 20_000

/** Digest of the revision that nodes get in enforce; undefined while there is none. */
export function digestNow(truth: Truth, key: string): string | undefined {
  return truth.sources.hub.profiles().get(key)?.enforce?.digest
}

/** The next one after `was`; undefined when the hub has none within twenty seconds. */
export function nextDigest(truth: Truth, key: string, was: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const end = (digest: string | undefined): void => {
      clearTimeout(timer)
      leave()
      resolve(digest)
    }
    const look = (): void => {
      const digest = digestNow(truth, key)
      if (digest !== undefined && digest !== was) end(digest)
    }
    const leave = truth.sources.hub.onChange(look)
    const timer = setTimeout(() => end(undefined), patienceMs)
    look()
  })
}
