import type { FastifyInstance } from 'fastify'
import { aliveChecks, healthReport, type ReadinessCheck } from '../src/lib/health.js'

/** Routes `GET /livez` (the event loop turns) and `GET /readyz`; `?verbose` lists the checks. */
export function addHealthRoutes(app: FastifyInstance, ready: readonly ReadinessCheck[]): void {
  for (const [path, checks] of [
    ['livez', aliveChecks],
    ['readyz', ready]
  ] as const) {
    app.get<{ Querystring: { verbose?: string } }>(`/${path}`, (request, reply) => {
      const { status, text } = healthReport(path, checks, request.query.verbose !== undefined)
      reply.code(status).type('text/plain; charset=utf-8').send(text)
    })
  }
}
