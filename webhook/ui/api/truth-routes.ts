import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errorKinds, SeccoError, toSeccoError } from '../../../src/errors.js'
import { chosen, containerRoutes } from '../../truth/container-routes.js'
import type { ContainerView } from '../../truth/container-views.js'
import { denialRoutes, streamDenials } from '../../truth/denial-routes.js'
import { openEventStream } from '../../truth/event-stream.js'
import { explainRoutes } from '../../truth/explain.js'
import { ladderRoutes } from '../../truth/ladder-routes.js'
import { radiusRoutes } from '../../truth/radius-routes.js'
import type { TruthRoute } from '../../truth/route.js'
import type { Truth } from '../../truth/truth.js'

type Query = Record<string, string | string[] | undefined>

/** Who asks says so itself: the listener is on loopback, and asks for no name. */
function actorOf(request: FastifyRequest): string {
  const said = request.headers['x-secco-user']
  const name = (typeof said === 'string' ? said : '').replace(/[^\w.@:-]/g, '').slice(0, 64)
  return name === '' ? 'loopback' : name
}

/** No form of another site can send this header, nor JSON, without being asked first. */
function checkOrigin(request: FastifyRequest): void {
  if (request.headers['x-secco'] === '1') return
  throw new SeccoError('FORBIDDEN', 'a change needs the header x-secco: 1', {
    hint: 'send it with content-type: application/json'
  })
}

function fail(reply: FastifyReply, error: unknown): void {
  const { code, message, hint } = toSeccoError(error)
  reply.code(errorKinds[code].http).send({ code, message, hint })
}

export function allRoutes(truth: Truth): TruthRoute[] {
  return [
    ...containerRoutes(truth),
    ...denialRoutes(truth),
    ...radiusRoutes(truth),
    ...ladderRoutes(truth),
    ...explainRoutes(truth)
  ]
}

/** Registers the endpoints of webhook/truth, streams included. */
export function truthRoutes(
  app: FastifyInstance,
  truth: Truth,
  headers: Readonly<Record<string, string>>
): void {
  for (const route of allRoutes(truth)) {
    app.route({
      method: route.method,
      url: route.url,
      async handler(request, reply) {
        try {
          if (route.method === 'POST') checkOrigin(request)
          const query = request.query as Query
          const body: unknown = request.body
          reply.send((await route.handle({ query, body, actor: actorOf(request) })) ?? {})
        } catch (error) {
          fail(reply, error)
        }
      }
    })
  }
  app.get('/api/v1/denials/stream', (request, reply) => {
    try {
      streamDenials(truth, request.query as Query, reply.raw, headers)
      reply.hijack()
    } catch (error) {
      fail(reply, error)
    }
  })
  app.get('/api/v1/containers/stream', (request, reply) => {
    const query = request.query as Query
    let items: ContainerView[]
    try {
      items = chosen(truth, truth.views.list(), query)
    } catch (error) {
      fail(reply, error)
      return
    }
    reply.hijack()
    const stream = openEventStream(reply.raw, headers)
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
