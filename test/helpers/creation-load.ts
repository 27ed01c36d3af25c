/** What became of creations that were sent at a steady rate. */
export interface LoadReport {
  sent: number
  /** Creations that the API server denied, by what it said. */
  failed: string[]
  /** Created without what the webhook would have put in: it was not asked, or not heard. */
  unpatched: number
  /** How long creations were sent. */
  seconds: number
  /** How much later the last answer came. */
  lateSeconds: number
}

/** One creation: its failure in words, or whether it came back as the webhook would make it. */
type Creation = () => Promise<{ failure?: string; patched: boolean }>

/**
 * Sends creations at a rate, whether or not earlier ones were answered: a slow answer makes no gap that hides
 * a failure. `end()` waits for every answer.
 */
export function startCreations(
  perSecond: number,
  create: Creation
): { sent(): number; end(): Promise<LoadReport> } {
  const answers: ReturnType<Creation>[] = []
  const began = performance.now()
  const timer = setInterval(() => {
    // What the clock says, not how often the timer came.
    while (answers.length < ((performance.now() - began) / 1000) * perSecond) {
      answers.push(create().catch((error: unknown) => ({ failure: String(error), patched: false })))
    }
  }, 5)
  return {
    sent: () => answers.length,
    async end() {
      clearInterval(timer)
      const seconds = (performance.now() - began) / 1000
      const all = await Promise.all(answers)
      const lateSeconds = (performance.now() - began) / 1000 - seconds
      const failed = all.flatMap(({ failure }) => (failure === undefined ? [] : [failure]))
      const created = all.filter(({ failure }) => failure === undefined)
      const unpatched = created.filter(({ patched }) => !patched).length
      return { sent: all.length, failed, unpatched, seconds, lateSeconds }
    }
  }
}
