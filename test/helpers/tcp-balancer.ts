import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/**
 * A Service in front of replicas, as kube-proxy's rules make one: each new connection goes to the next endpoint,
 * whether or not somebody listens there, and connections that are open stay where they are. In a thread of its
 * own, so that a busy test is not a slow network.
 */
interface TcpBalancer {
  port: number
  /** Ports of loopback that are ready. */
  setTargets(ports: readonly number[]): void
  /** While it is cut nothing gets through, either way, and nobody is told; then all of it does, as TCP sends it again. */
  cut(value: boolean): void
  /** New connections that found nobody. */
  denied(): number
  close(): Promise<void>
}

interface Place {
  host: string
  port: number
}

type Told = { listening: number } | { denied: number }

/** The thread. Its parent ends it. */
async function serve(parent: NonNullable<typeof parentPort>, at: Place): Promise<void> {
  let targets: readonly number[] = []
  let turn = 0
  let denied = 0
  let isCut = false
  const pairs = new Set<[Socket, Socket]>()
  const connectPair = ([one, other]: [Socket, Socket]): void => {
    one.pipe(other)
    other.pipe(one)
  }
  const cutPair = (pair: [Socket, Socket]): void => {
    // A stream that is only paused goes on with the next drain of what it is piped to.
    for (const socket of pair) socket.unpipe().pause()
  }
  const tell = (told: Told): void => parent.postMessage(told)
  parent.on('message', (message: readonly number[] | boolean) => {
    if (typeof message !== 'boolean') targets = message
    else {
      isCut = message
      for (const pair of pairs) (isCut ? cutPair : connectPair)(pair)
    }
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
    const pair: [Socket, Socket] = [inner, outer]
    pairs.add(pair)
    // pipe() hands an end on; what is left is a side that went without one.
    outer.on('close', () => inner.destroy())
    inner.on('close', () => {
      pairs.delete(pair)
      outer.destroy()
    })
    ;(isCut ? cutPair : connectPair)(pair)
  })
  server.listen(at.port, at.host)
  await once(server, 'listening')
  const address = server.address()
  tell({ listening: address !== null && typeof address === 'object' ? address.port : 0 })
}

if (!isMainThread && parentPort !== null) await serve(parentPort, workerData as Place)

/** @param at where it listens; port 0: any */
export async function startTcpBalancer(
  at: Place = { host: '127.0.0.1', port: 0 }
): Promise<TcpBalancer> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: at })
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
    cut: (value) => worker.postMessage(value),
    denied: () => denied,
    close: async () => {
      await worker.terminate()
    }
  }
}
