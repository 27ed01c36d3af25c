import type { FastifyInstance } from 'fastify'
import { SeccoError } from '../../../src/errors.js'
import { chosen, containerRoutes } from '../../truth/container-routes.js'
import { openEventStream } from '../../truth/event-stream.js'
import type { TruthRoute } from '../../truth/route.js'
import type { Truth } from '../../truth/truth.js'

type Query = Record<string, string | string[] | undefined>

/** The endpoints of webhook/truth; pages and their rights are put around them (foreign.ts). */
export function allRoutes(truth: Truth): TruthRoute[] {
  return [...containerRoutes(truth)]
}

/** Its streams: what runs now, then what changes. */
export function truthStreams(app: FastifyInstance, truth: Truth): void {
  app.get('/api/v1/containers/stream', { schema: { hide: true } }, async (request, reply) => {
    if ((await request.identity?.can('list', 'containers')) !== true) {
      throw new SeccoError('FORBIDDEN', 'you may not list containers')
    }
    reply.hijack()
    const query = request.query as Query
    const headers = Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)])
    const stream = openEventStream(reply.raw, Object.fromEntries(headers) as Record<string, string>)
    stream.send('snapshot', { items: chosen(truth, truth.views.list(), query) })
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
