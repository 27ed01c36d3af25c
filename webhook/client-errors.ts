import type { Server } from 'node:https'
import type { Socket } from 'node:net'

/** Longer than a Go client keeps a connection that it does not use (90 s): it closes, not we. */
export const idleMs = 95_000

const refusals: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large'
}

/**
 * What happens to a connection on which no request can be read. Node counts a connection on which nothing
 * came yet as a slow request; but an API server dials some in advance and uses them later, and a request that
 * crosses our 408 fails. So the silent ones are left open, as kept ones are; the rest is refused and closed.
 */
export function clientErrorHandler(server: () => Server): {
  watch(): void
  handle(error: NodeJS.ErrnoException, socket: Socket): void
  /** Cuts those on which nothing came yet: they are no idle ones to Node, which would wait for them. */
  endSilent(): void
} {
  const silent = new Set<Socket>()
  return {
    watch() {
      server().on('secureConnection', (socket: Socket) => {
        silent.add(socket)
        for (const event of ['data', 'close']) socket.once(event, () => silent.delete(socket))
      })
    },
    endSilent() {
      for (const socket of silent) socket.destroy()
    },
    handle(error, socket) {
      if (error.code === 'ECONNRESET' || socket.destroyed) return
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && silent.has(socket)) {
        socket.setTimeout(idleMs, () => socket.destroy())
        return
      }
      const status = refusals[error.code ?? ''] ?? '400 Bad Request'
      if (socket.writable)
        socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      socket.destroy(error)
    }
  }
}
