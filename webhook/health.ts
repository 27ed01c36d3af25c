import type { FastifyInstance } from 'fastify'

/** A named condition of being ready. `problem` returns nothing when all is well, else why not, in a few words. */
export interface ReadinessCheck {
  name: string
  problem: () => string | undefined
}

/** Plain text in the form of the API server's own health endpoints. */
function report(path: string, checks: readonly ReadinessCheck[], verbose: boolean) {
  const results = checks.map((check) => ({ name: check.name, problem: check.problem() }))
  const passed = results.every((result) => result.problem === undefined)
  const lines = results.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`
  )
  lines.push(`${path} check ${passed ? 'passed' : 'failed'}`)
  const text = verbose || !passed ? `${lines.join('\n')}\n` : 'ok'
  return { status: passed ? 200 : 503, text }
}

/** Routes `GET /livez` (the event loop turns) and `GET /readyz`; `?verbose` lists the checks. */
export function addHealthRoutes(app: FastifyInstance, ready: readonly ReadinessCheck[]): void {
  const alive: readonly ReadinessCheck[] = [{ name: 'ping', problem: () => undefined }]
  for (const [path, checks] of [
    ['livez', alive],
    ['readyz', ready]
  ] as const) {
    app.get<{ Querystring: { verbose?: string } }>(`/${path}`, (request, reply) => {
      const { status, text } = report(path, checks, request.query.verbose !== undefined)
      reply.code(status).type('text/plain; charset=utf-8').send(text)
    })
  }
}
