import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SeccoError } from '../../../src/lib/errors.js'
import { chosen, containerRoutes } from '../../confinement/containers/container-routes.js'
import { denialRoutes, streamDenials } from '../../confinement/denials/denial-routes.js'
import { openEventStream } from '../../confinement/containers/event-stream.js'
import { explainRoutes } from '../../confinement/explain.js'
import { historyRoutes } from '../../confinement/history/history-routes.js'
import { ladderRoutes } from '../../confinement/ladder/ladder-routes.js'
import { radiusRoutes } from '../../confinement/what-if/radius-routes.js'
import type { ConfinementRoute } from '../../confinement/containers/route.js'
import type { Confinement } from '../../confinement/containers/confinement.js'
import type { Resource } from '../../access/rights.js'
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
export function truthStreams(app: FastifyInstance, truth: Confinement): void {
  app.get('/api/v1/denials/stream', { schema: { hide: true } }, async (request, reply) => {
    streamDenials(truth, await listed(request, 'denials'), reply.raw, headersOf(reply))
    reply.hijack()
  })
  app.get('/api/v1/containers/stream', { schema: { hide: true } }, async (request, reply) => {
    const { query, sees } = await listed(request, 'containers')
    const own = (views: Parameters<typeof chosen>[1]) =>
      chosen(truth, views, query).filter(({ namespace }) => sees(namespace))
    const items = own(truth.listed.list())
    reply.hijack()
    const stream = openEventStream(reply.raw, headersOf(reply))
    stream.send('snapshot', { items })
    const leave = truth.listed.onChange((changed, gone) => {
      const data = {
        changed: own(changed),
        gone: own(gone).map(({ key }) => key)
      }
      if (data.changed.length + data.gone.length > 0) stream.send('change', data)
    })
    stream.onClose(leave)
  })
}
