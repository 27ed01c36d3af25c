import type { FastifyInstance } from 'fastify'
import type { Ui } from './model/context.js'

/** The shortest interval between two events, in ms. */
const beatMs = 1000
/** Interval of comments, in ms: they keep proxies from closing a silent stream. */
const silenceMs = 15_000
/** Longer than a page takes from its rendering until it listens, in ms: a change in between is reported too. */
const recentMs = 10_000
const changeText = (denials: boolean) => `event: change\ndata: {"denials":${denials}}\n\n`
/** Only numbers of calls changed: pages that show none need not load again. */
const countsText = 'event: counts\ndata: {}\n\n'
const mostListeners = 500

/**
 * Adds `GET /api/v1/changes` (server-sent events). It reports that something changed, not what: a page then loads
 * itself again. So each view is rendered in one place, and a burst of changes costs one rendering a second.
 */
export function addChanges(
  app: FastifyInstance,
  ui: Pick<Ui, 'sources' | 'wrote' | 'streams'>
): void {
  const { sources } = ui
  const listeners = new Set<(text: string) => void>()
  let changed = false
  let reportedAt = Number.NEGATIVE_INFINITY
  let noted = sources.discovery.noted()
  let countedAt = Number.NEGATIVE_INFINITY
  let silent = 0
  let stamp = ''
  const stop = sources.onChange(() => {
    changed = true
  })
  const denialStamp = () => {
    const denials = sources.denials()
    const last = denials.at(-1)
    return `${denials.length} ${last?.container ?? ''} ${last?.syscall ?? ''} ${last?.count ?? 0}`
  }
  const beat = setInterval(() => {
    if (listeners.size === 0) return
    const now = denialStamp()
    const denied = now !== stamp
    stamp = now
    const counted = sources.discovery.noted() !== noted
    noted = sources.discovery.noted()
    silent += beatMs
    if (!changed && !denied && !counted && silent < silenceMs) return
    if (counted) countedAt = performance.now()
    if (changed || denied) {
      reportedAt = performance.now()
      // Pages load now, and perhaps never again: they must not get what is older than the change.
      ui.wrote()
    }
    const text = changed || denied ? changeText(denied) : counted ? countsText : ': beat\n\n'
    changed = false
    silent = 0
    for (const listener of listeners) listener(text)
  }, beatMs)
  beat.unref()
  app.addHook('onClose', async () => {
    clearInterval(beat)
    stop()
    await Promise.resolve()
  })
  const route = { schema: { hide: true }, exposeHeadRoute: false }
  app.get('/api/v1/changes', route, (request, reply) => {
    if (listeners.size >= mostListeners) return reply.code(503).send()
    ui.streams.add(request, reply)
    reply.hijack()
    const headers = reply.getHeaders()
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) reply.raw.setHeader(name, value)
    }
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    reply.raw.write(': open\n\n')
    const listener = (text: string) => {
      if (reply.raw.writableEnded) return
      // A client that stopped reading is disconnected; it reconnects by itself.
      if (reply.raw.writableLength > 65_536) reply.raw.destroy()
      else reply.raw.write(text)
    }
    // A client that left while its rights were checked closes no more.
    if (reply.raw.destroyed) return reply
    listeners.add(listener)
    if (performance.now() - reportedAt < recentMs) listener(changeText(true))
    else if (performance.now() - countedAt < recentMs) listener(countsText)
    reply.raw.once('close', () => listeners.delete(listener))
    return reply
  })
}
