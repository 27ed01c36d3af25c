import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SeccoError } from '../../../src/lib/errors.js'
import { containerRoutes } from '../../confinement/containers/container-routes.js'
import { streamContainers } from '../../confinement/containers/container-stream.js'
import { denialRoutes, streamDenials } from '../../confinement/denials/denial-routes.js'
import { explainRoutes } from '../../confinement/explain.js'
import { historyRoutes } from '../../confinement/history/history-routes.js'
import { ladderRoutes } from '../../confinement/ladder/ladder-routes.js'
import { radiusRoutes } from '../../confinement/what-if/radius-routes.js'
import type { ConfinementRoute } from '../../confinement/containers/route.js'
import type { Confinement } from '../../confinement/containers/confinement.js'
import type { Resource } from '../../access/rights.js'
import type { OpenStreams } from '../../access/open-streams.js'
import { placesOf, reachOf } from '../sessions/permissions.js'

type Query = Record<string, string | string[] | undefined>

/** Lists the endpoints of webhook/confinement. foreign.ts adds rights and audit. */
export function allRoutes(truth: Confinement): ConfinementRoute[] {
  return [
    ...containerRoutes(truth),
    ...denialRoutes(truth),
    ...radiusRoutes(truth),
    ...ladderRoutes(truth),
    ...explainRoutes(truth),
    ...historyRoutes(truth)
  ]
}

/** Checks the right to a list, in the namespaces that the query names. @throws SeccoError FORBIDDEN */
async function listed(request: FastifyRequest, resource: Resource) {
  const query = (request.query ?? {}) as Query
  const { identity } = request
  if (identity === undefined) throw new SeccoError('UNAUTHENTICATED', 'no session')
  const sees = await reachOf(identity, { verb: 'list', resource }, placesOf(query, undefined))
  return { query, sees }
}

/** Returns the headers that the gate and helmet have set, for an answer that bypasses Fastify. */
export function headersOf(reply: FastifyReply): Record<string, string> {
  const entries = Object.entries(reply.getHeaders())
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))
}

/** Adds the event streams of webhook/confinement: first all items, then the changes. */
export function truthStreams(app: FastifyInstance, truth: Confinement, streams: OpenStreams): void {
  const route = { schema: { hide: true }, exposeHeadRoute: false }
  app.get('/api/v1/denials/stream', route, async (request, reply) => {
    const choice = await listed(request, 'denials')
    streams.add(request, reply, () => listed(request, 'denials'))
    streamDenials(truth, choice, reply.raw, headersOf(reply))
    reply.hijack()
  })
  app.get('/api/v1/containers/stream', route, async (request, reply) => {
    const choice = await listed(request, 'containers')
    streams.add(request, reply, () => listed(request, 'containers'))
    streamContainers(truth, choice, reply.raw, headersOf(reply))
    reply.hijack()
  })
}
