import type { FastifyInstance } from 'fastify'
import { SeccoError } from '../../../src/lib/errors.js'
import { openEventStream } from '../../confinement/containers/event-stream.js'
import type { Ui } from '../model/context.js'
import { mayTrace } from '../model/profiler.js'
import { traceSummary, traceView } from './traces.js'

/** The shortest interval between two events, in ms. */
const beatMs = 500
/** Viewers of all traces together; each costs a message a beat. */
const mostViewers = 200

/**
 * Adds `GET /api/v1/traces/:id/stream` (server-sent events): the trace now, after each change, and at its end. As long
 * as somebody follows it, the trace goes on. With `?brief=true` the events have no calls.
 */
export function addTraceStream(app: FastifyInstance, ui: Pick<Ui, 'profiler'>): void {
  let viewers = 0
  const config = { own: true }
  app.get(
    '/api/v1/traces/:id/stream',
    { schema: { hide: true }, config },
    async (request, reply) => {
      const { profiler } = ui
      const { id } = request.params as { id: string }
      const trace = profiler?.find(id)
      if (profiler === undefined || trace === undefined || request.identity === undefined) {
        throw new SeccoError('NOT_FOUND', 'this trace is forgotten', { hint: 'start another' })
      }
      if (!(await mayTrace(request.identity, 'get', trace.target))) {
        const { namespace } = trace.target
        throw new SeccoError('FORBIDDEN', `you may not get containers in namespace ${namespace}`)
      }
      if (viewers >= mostViewers) {
        throw new SeccoError('UNAVAILABLE', `${mostViewers} people follow traces already`)
      }
      const entries = Object.entries(reply.getHeaders())
      reply.hijack()
      const headers = Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))
      const stream = openEventStream(reply.raw, headers)
      viewers += 1
      const { brief } = request.query as { brief?: string }
      const view = brief === 'true' ? traceSummary : traceView
      let timer: NodeJS.Timeout | undefined
      function send(): void {
        timer = undefined
        if (trace === undefined) return
        stream.send(trace.ended ? 'end' : 'trace', view(trace))
        if (trace.ended) reply.raw.end()
      }
      const leave = profiler.watch(id, () => (timer ??= setTimeout(send, beatMs)))
      stream.onClose(() => {
        viewers -= 1
        clearTimeout(timer)
        leave()
      })
      send()
    }
  )
}
