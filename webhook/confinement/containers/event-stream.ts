import type { ServerResponse } from 'node:http'

/** EventStream sends server-sent events to one client (HTML, section 9.2). */
interface EventStream {
  send(event: string, data: unknown): void
  onClose(listener: () => void): void
}

const beatMs = 15_000
/** A client that is this far behind is disconnected: it reconnects and starts again. */
const mostPending = 4 * 1024 * 1024

/** Turns a response into a stream of events, which ends when the client leaves or stalls. */
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
