import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import { idleMs } from '../src/lib/idle-connections.js'

const answers: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large'
}

/** ClientErrorHandler decides what happens to a connection on which no request can be read. */
export interface ClientErrorHandler {
  /** Follows the connections of a server, to know those on which nothing came yet. */
  watch(server: Server): void
  handle(error: NodeJS.ErrnoException, socket: Socket): void
  /** Closes connections on which nothing came yet: Node does not count them as idle, and would wait for them. */
  endSilent(): void
}

/**
 * Creates a handler that keeps silent connections open, as idle ones are, and answers and closes the others. Node
 * counts a connection on which nothing came yet as a slow request; but an API server opens some in advance and
 * uses them later, and a request that crosses a 408 fails.
 */
export function clientErrorHandler(): ClientErrorHandler {
  const silent = new Set<Socket>()
  return {
    watch(server) {
      server.on('secureConnection', (socket: Socket) => {
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
      const status = answers[error.code ?? ''] ?? '400 Bad Request'
      if (socket.writable)
        socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      socket.destroy(error)
    }
  }
}
