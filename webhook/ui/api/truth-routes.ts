import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SeccoError } from '../../../src/errors.js'
import { chosen, containerRoutes } from '../../truth/container-routes.js'
import { denialRoutes, streamDenials } from '../../truth/denial-routes.js'
import { openEventStream } from '../../truth/event-stream.js'
import { explainRoutes } from '../../truth/explain.js'
import { ladderRoutes } from '../../truth/ladder-routes.js'
import { radiusRoutes } from '../../truth/radius-routes.js'
import type { TruthRoute } from '../../truth/route.js'
import type { Truth } from '../../truth/truth.js'

type Query = Record<string, string | string[] | undefined>

/** The endpoints of webhook/truth; pages and their rights are put around them (foreign.ts). */
export function allRoutes(truth: Truth): TruthRoute[] {
  return [
    ...containerRoutes(truth),
    ...denialRoutes(truth),
    ...radiusRoutes(truth),
    ...ladderRoutes(truth),
    ...explainRoutes(truth)
  ]
}

/** What helmet and the gate have put on a reply, for a stream that is written past Fastify. */
function headersOf(reply: FastifyReply): Record<string, string> {
  const headers = Object.entries(reply.getHeaders())
  return Object.fromEntries(headers.map(([name, value]) => [name, String(value)]))
}

async function mustList(
  request: FastifyRequest,
  resource: 'containers' | 'denials'
): Promise<void> {
  if ((await request.identity?.can('list', resource)) === true) return
  throw new SeccoError('FORBIDDEN', `you may not list ${resource}`)
}

/** Its streams: what is there now, then what changes. */
export function truthStreams(app: FastifyInstance, truth: Truth): void {
  app.get('/api/v1/denials/stream', { schema: { hide: true } }, async (request, reply) => {
    await mustList(request, 'denials')
    streamDenials(truth, request.query as Query, reply.raw, headersOf(reply))
    reply.hijack()
  })
  app.get('/api/v1/containers/stream', { schema: { hide: true } }, async (request, reply) => {
    await mustList(request, 'containers')
    const query = request.query as Query
    const items = chosen(truth, truth.views.list(), query)
    reply.hijack()
    const stream = openEventStream(reply.raw, headersOf(reply))
    stream.send('snapshot', { items })
    const leave = truth.views.onChange((changed, gone) => {
      const data = {
        changed: chosen(truth, changed, query),
        gone: chosen(truth, gone, query).map(({ key }) => key)
      }
      if (data.changed.length + data.gone.length > 0) stream.send('change', data)
    })
    stream.onClose(leave)
  })
}
