import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A Service in front of replicas: each connection goes to the next one that takes it. */
export interface TcpBalancer {
  port: number
  /** Ports of loopback that are ready; connections that are open stay. */
  setTargets(ports: readonly number[]): void
  /** Connections that a replica took. */
  taken(): number
  close(): Promise<void>
}

export async function startTcpBalancer(): Promise<TcpBalancer> {
  let targets: readonly number[] = []
  let turn = 0
  let taken = 0
  const sockets = new Set<Socket>()

  function relay(inner: Socket, tries: number): void {
    const port = targets[turn++ % Math.max(1, targets.length)]
    if (port === undefined || tries === 0) {
      inner.destroy()
      return
    }
    const outer = connect(port, '127.0.0.1')
    sockets.add(outer)
    let connected = false
    outer.on('connect', () => {
      connected = true
      taken += 1
      inner.pipe(outer)
      outer.pipe(inner)
    })
    outer.on('error', () => undefined)
    outer.on('close', () => {
      sockets.delete(outer)
      // What nobody took is offered to the next one, as a Service's rules do between endpoints.
      if (connected) inner.destroy()
      else relay(inner, tries - 1)
    })
    inner.on('close', () => outer.destroy())
  }

  const server = createServer((inner) => {
    sockets.add(inner)
    inner.on('error', () => undefined)
    inner.on('close', () => sockets.delete(inner))
    relay(inner, 4)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    setTargets: (ports) => {
      targets = ports
    },
    taken: () => taken,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    }
  }
}
