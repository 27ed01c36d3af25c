import type { FastifyInstance } from 'fastify'
import { SeccoError } from '../../../src/lib/errors.js'
import { openEventStream } from '../../confinement/containers/event-stream.js'
import type { Ui } from '../model/context.js'
import { mustFind, traceSummary, traceView } from './traces.js'
import { headersOf } from './truth-routes.js'

/** The shortest interval between two events, in ms. */
const beatMs = 500
/** Viewers of all traces together; each costs a message a beat. */
const mostViewers = 200

/**
 * Adds `GET /api/v1/traces/:id/stream` (server-sent events): the trace now, after each change, and at its end. As long
 * as somebody follows it, the trace goes on. With `?brief=true` the events have no calls.
 */
export function addTraceStream(app: FastifyInstance, ui: Pick<Ui, 'profiler' | 'streams'>): void {
  let viewers = 0
  const config = { own: true }
  app.get(
    '/api/v1/traces/:id/stream',
    { schema: { hide: true }, config, exposeHeadRoute: false },
    async (request, reply) => {
      const { profiler } = ui
      const { identity, params } = request
      if (profiler === undefined || identity === undefined) {
        throw new SeccoError('NOT_FOUND', 'no trace of this hub has this id')
      }
      const call = { ui, identity, params: params as { id: string } }
      const trace = await mustFind(call, 'get')
      if (viewers >= mostViewers) {
        throw new SeccoError('UNAVAILABLE', `${mostViewers} people follow traces already`)
      }
      ui.streams.add(request, reply, () => mustFind(call, 'get'))
      reply.hijack()
      const stream = openEventStream(reply.raw, headersOf(reply))
      viewers += 1
      const { brief } = request.query as { brief?: string }
      const view = brief === 'true' ? traceSummary : traceView
      let timer: NodeJS.Timeout | undefined
      function send(): void {
        timer = undefined
        stream.send(trace.ended ? 'end' : 'trace', view(trace))
        if (trace.ended) reply.raw.end()
      }
      const leave = profiler.watch(trace.id, () => (timer ??= setTimeout(send, beatMs)))
      stream.onClose(() => {
        viewers -= 1
        clearTimeout(timer)
        leave()
      })
      send()
    }
  )
}
