/** A named condition of being ready. `problem` returns nothing when all is well, else why not, in a few words. */
export interface ReadinessCheck {
  name: string
  problem: () => string | undefined
}

/** Plain text in the form of the API server's own health endpoints. Pure but for what the checks ask. */
export function healthReport(
  path: string,
  checks: readonly ReadinessCheck[],
  verbose: boolean
): { status: 200 | 503; text: string } {
  const results = checks.map((check) => ({ name: check.name, problem: check.problem() }))
  const passed = results.every((result) => result.problem === undefined)
  const lines = results.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`
  )
  lines.push(`${path} check ${passed ? 'passed' : 'failed'}`)
  const text = verbose || !passed ? `${lines.join('\n')}\n` : 'ok'
  return { status: passed ? 200 : 503, text }
}

/** Liveness means that the event loop runs: any answer proves it. */
export const aliveChecks: readonly ReadinessCheck[] = [{ name: 'ping', problem: () => undefined }]
