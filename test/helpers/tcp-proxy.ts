import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A relay in front of a server, to break its connections in the ways that networks do. */
interface TcpProxy {
  port: number
  /** Cuts every open connection without a goodbye. */
  reset(): void
  /** Open connections carry nothing any more, and nobody is told; new ones work. */
  freeze(): void
  /** New connections are denied as long as this is true. */
  deny(value: boolean): void
  close(): Promise<void>
}

/** Relays to `port` of loopback. */
export async function startTcpProxy(port: number): Promise<TcpProxy> {
  const pairs = new Set<[Socket, Socket]>()
  let denied = false
  const server = createServer((inner) => {
    if (denied) {
      inner.resetAndDestroy()
      return
    }
    const outer = connect(port, '127.0.0.1')
    const pair: [Socket, Socket] = [inner, outer]
    pairs.add(pair)
    for (const socket of pair) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        pairs.delete(pair)
        for (const other of pair) other.destroy()
      })
    }
    inner.pipe(outer)
    outer.pipe(inner)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    reset: () => {
      for (const [inner] of [...pairs]) inner.resetAndDestroy()
    },
    freeze: () => {
      for (const pair of pairs) for (const socket of pair) socket.unpipe().pause()
    },
    deny: (value) => {
      denied = value
    },
    close: async () => {
      for (const pair of [...pairs]) for (const socket of pair) socket.destroy()
      server.close()
      await once(server, 'close')
    }
  }
}
