import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../src/lib/log.js'

/** PageRoute is where the requests for pages and API of this replica are answered. */
export interface PageRoute {
  /** Returns whether this replica answers: it has the active hub. */
  isHere(): boolean
  /** Returns the address of the active hub of another replica; undefined: it is not known. */
  address(): string | undefined
  /** Connects to the pages of another replica. */
  dial(address: string): Promise<Duplex>
}

interface RoutedPages {
  /** Serves a connection that another replica passed on. */
  serve(socket: Duplex): void
  close(): void
}

/** Another hub is active within this time; requests wait for it. */
const takeoverMs = 10_000
const retryMs = 250
const checkMs = 500

const body = JSON.stringify({
  code: 'UNAVAILABLE',
  message: 'no hub is active: another replica takes over within seconds',
  hint: 'try again in a few seconds; if it stays, see why: kubectl -n secco-system get pods'
})
const unavailable = [
  'HTTP/1.1 503 Service Unavailable',
  'content-type: application/json; charset=utf-8',
  `content-length: ${Buffer.byteLength(body)}`,
  'retry-after: 2',
  'connection: close',
  '',
  body
].join('\r\n')

/** JoinedPairs are the connections that were passed on, with the address of the hub that answers. */
class JoinedPairs {
  readonly #pairs = new Map<Duplex, string>()

  add(near: Socket, far: Duplex, address: string): void {
    this.#pairs.set(far, address)
    near.on('close', () => far.destroy())
    far.on('close', () => {
      this.#pairs.delete(far)
      near.destroy()
    })
    far.on('error', () => undefined)
    // It may have ended while the other one was dialled.
    if (near.destroyed) far.destroy()
    near.pipe(far)
    far.pipe(near)
  }

  /** Ends those that lead to another address: clients connect again. */
  keepOnly(address: string | undefined): void {
    for (const [far, of] of this.#pairs) if (of !== address) far.destroy()
  }
}

/**
 * Presents a connection that another replica passed on as it came there: over plain HTTP, on the loopback, to the port of the
 * pages. Sessions, origins and limits depend on them.
 */
function asPlain(socket: Duplex, server: Server): Duplex {
  const bound = server.address()
  const localPort = bound !== null && typeof bound === 'object' ? bound.port : 0
  return Object.defineProperties(socket, {
    encrypted: { value: false },
    remoteAddress: { value: '127.0.0.1' },
    localPort: { value: localPort }
  })
}

type Listener = (this: Server, socket: Duplex) => void

/**
 * Passes every connection to the active hub's replica, so that pages and API are whole whichever replica is asked. It
 * works on connections and not on requests: sessions, streams and tokens are the business of the replica that answers.
 */
export function routePages(
  server: Server,
  route: PageRoute,
  logger: Logger,
  waitMs = takeoverMs
): RoutedPages {
  const listeners = server.listeners('connection') as Listener[]
  const joined = new JoinedPairs()
  let hasServed = false
  const serve = (socket: Duplex): void => {
    hasServed = true
    for (const listener of listeners) listener.call(server, socket)
  }
  let failed = ''

  async function reach(): Promise<{ far: Duplex; address: string } | undefined> {
    const address = route.address()
    if (address === undefined) return undefined
    try {
      const far = await route.dial(address)
      failed = ''
      return { far, address }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (reason !== failed) logger.warn({ address, reason }, 'active hub not reached')
      failed = reason
      return undefined
    }
  }

  async function pass(socket: Socket): Promise<void> {
    socket.on('error', () => undefined)
    const until = performance.now() + waitMs
    while (!socket.destroyed) {
      if (route.isHere()) {
        serve(socket)
        return
      }
      const reached = await reach()
      if (reached !== undefined) {
        joined.add(socket, reached.far, reached.address)
        return
      }
      if (performance.now() >= until) {
        socket.end(unavailable)
        return
      }
      await delay(retryMs)
    }
  }

  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    if (route.isHere()) serve(socket)
    else void pass(socket)
  })
  const timer = setInterval(() => {
    joined.keepOnly(route.isHere() ? undefined : route.address())
    if (!hasServed || route.isHere()) return
    // Clients connect again, and then reach the active hub.
    server.closeAllConnections()
    hasServed = false
  }, checkMs)
  timer.unref()
  return {
    serve: (socket) => serve(asPlain(socket, server)),
    close() {
      clearInterval(timer)
      joined.keepOnly(undefined)
    }
  }
}
