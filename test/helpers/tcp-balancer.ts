import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

/**
 * A Service in front of replicas, as kube-proxy's rules make one: each new connection goes to the next endpoint,
 * whether or not somebody listens there, and connections that are open stay where they are. In a thread of its
 * own, so that a busy test is not a slow network.
 */
interface TcpBalancer {
  port: number
  /** Ports of loopback that are ready. */
  setTargets(ports: readonly number[]): void
  /** New connections that found nobody. */
  denied(): number
  close(): Promise<void>
}

type Told = { listening: number } | { denied: number }

/** The thread. Its parent ends it. */
async function serve(parent: NonNullable<typeof parentPort>): Promise<void> {
  let targets: readonly number[] = []
  let turn = 0
  let denied = 0
  const tell = (told: Told): void => parent.postMessage(told)
  parent.on('message', (ports: readonly number[]) => {
    targets = ports
  })
  const server = createServer((inner) => {
    const port = targets[turn++ % Math.max(1, targets.length)]
    inner.on('error', () => undefined)
    const nobody = (): void => {
      tell({ denied: (denied += 1) })
      // Not resetAndDestroy(): where data is on its way that leaves the socket open for ever.
      inner.destroy()
    }
    if (port === undefined) {
      nobody()
      return
    }
    const outer = connect(port, '127.0.0.1')
    outer.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') nobody()
      else inner.destroy()
    })
    // pipe() hands an end on; what is left is a side that went without one.
    outer.on('close', () => inner.destroy())
    inner.on('close', () => outer.destroy())
    inner.pipe(outer)
    outer.pipe(inner)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  tell({ listening: address !== null && typeof address === 'object' ? address.port : 0 })
}

if (!isMainThread && parentPort !== null) await serve(parentPort)

export async function startTcpBalancer(): Promise<TcpBalancer> {
  const worker = new Worker(fileURLToPath(import.meta.url))
  let denied = 0
  const port = await new Promise<number>((resolve, reject) => {
    worker.once('error', reject)
    worker.on('message', (told: Told) => {
      if ('listening' in told) resolve(told.listening)
      else denied = told.denied
    })
  })
  return {
    port,
    setTargets: (ports) => worker.postMessage(ports),
    denied: () => denied,
    close: async () => {
      await worker.terminate()
    }
  }
}
