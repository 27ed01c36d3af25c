import type { ServerResponse } from 'node:http'

/** EventStream sends server-sent events to one client (HTML, section 9.2). */
interface EventStream {
  send(event: string, data: unknown): void
  onClose(listener: () => void): void
}

const beatMs = 15_000
/** A client that is this far behind is disconnected: it reconnects and starts again. */
const mostPending = 4 * 1024 * 1024
/** Streams of all clients together: each costs work with every event. */
const mostStreams = 500
let streams = 0

/** Answers that there are too many streams. The caller's events go nowhere. */
function reject(response: ServerResponse): EventStream {
  response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '5' })
  const message = `${mostStreams} clients follow events already`
  response.end(JSON.stringify({ error: { code: 'UNAVAILABLE', message, hint: 'try again later' } }))
  return { send: () => undefined, onClose: (listener) => listener() }
}

/**
 * Turns a response into a stream of events, which ends when the client leaves or stalls. A client beyond the limit of
 * streams gets 503.
 */
export function openEventStream(
  response: ServerResponse,
  headers: Readonly<Record<string, string>> = {}
): EventStream {
  if (streams >= mostStreams) return reject(response)
  streams += 1
  const listeners = new Set<() => void>()
  response.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no'
  })
  response.write(': connected\n\n')
  const beat = setInterval(() => {
    if (!response.writableEnded) response.write(': beat\n\n')
  }, beatMs)
  beat.unref()
  let closed = false
  const end = (): void => {
    if (closed) return
    closed = true
    streams -= 1
    clearInterval(beat)
    for (const listener of listeners) listener()
    listeners.clear()
  }
  response.once('close', end)
  // The client may leave while its permission is being checked.
  if (response.destroyed) end()
  return {
    send(event, data) {
      if (response.writableEnded || response.destroyed) return
      if (response.writableLength > mostPending) {
        response.destroy()
        return
      }
      // JSON has no line ends inside: one data line is enough.
      response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    },
    onClose(listener) {
      if (closed) listener()
      else listeners.add(listener)
    }
  }
}
