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

async function mustList(request: FastifyRequest, resource: Resource): Promise<void> {
  if ((await request.identity?.can('list', resource)) === true) return
  throw new SeccoError('FORBIDDEN', `you may not list ${resource}`)
}

/** Returns the headers that the gate and helmet have set, for an answer that bypasses Fastify. */
export function headersOf(reply: FastifyReply): Record<string, string> {
  const entries = Object.entries(reply.getHeaders())
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))
}

/** Adds the event streams of webhook/confinement: first all items, then the changes. */
export function truthStreams(app: FastifyInstance, truth: Confinement): void {
  app.get('/api/v1/denials/stream', { schema: { hide: true } }, async (request, reply) => {
    await mustList(request, 'denials')
    streamDenials(truth, request.query as Query, reply.raw, headersOf(reply))
    reply.hijack()
  })
  app.get('/api/v1/containers/stream', { schema: { hide: true } }, async (request, reply) => {
    await mustList(request, 'containers')
    const query = request.query as Query
    const items = chosen(truth, truth.listed.list(), query)
    reply.hijack()
    const stream = openEventStream(reply.raw, headersOf(reply))
    stream.send('snapshot', { items })
    const leave = truth.listed.onChange((changed, gone) => {
      const data = {
        changed: chosen(truth, changed, query),
        gone: chosen(truth, gone, query).map(({ key }) => key)
      }
      if (data.changed.length + data.gone.length > 0) stream.send('change', data)
    })
    stream.onClose(leave)
  })
}
