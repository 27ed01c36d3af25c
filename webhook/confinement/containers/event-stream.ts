import type { ServerResponse } from 'node:http'

/** One reader of server-sent events (HTML, section 9.2). */
export interface EventStream {
  send(event: string, data: unknown): void
  onClose(listener: () => void): void
}

const beatMs = 15_000
/** A reader that is so far behind is let go: it reconnects and begins anew. */
const mostPending = 4 * 1024 * 1024

/** Makes a response a stream of events; ends it when the reader goes or stalls. */
export function openEventStream(
  response: ServerResponse,
  headers: Readonly<Record<string, string>> = {}
): EventStream {
  const listeners = new Set<() => void>()
  response.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no'
  })
  response.write(': connected\n\n')
  const beat = setInterval(() => response.write(': beat\n\n'), beatMs)
  beat.unref()
  let closed = false
  const end = (): void => {
    closed = true
    clearInterval(beat)
    for (const listener of listeners) listener()
    listeners.clear()
  }
  response.once('close', end)
  // Whoever left while it was found out whether they may listen.
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
