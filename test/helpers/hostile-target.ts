/** This module is the webhook in a process of its own, with a clock on its event loop. Asked by IPC. */
import { createLogger } from '../../src/lib/log.js'
import { createAdmissionServer } from '../../webhook/server.js'
import { longestGap } from './longest-gap.js'
import { snapshot } from './reviews.js'

export type HostileRequest =
  | { cert: string; key: string; clientCa?: string; port?: number }
  /** Watches the event loop until `unwatch`, whose answer is the longest turn in ms. */
  | 'watch'
  | 'unwatch'
  /** User and system time of all threads in ms. */
  | 'cpu'

let unwatch = (): void => undefined
let watched: Promise<{ gapMs: number }> = Promise.resolve({ gapMs: 0 })

async function answer(request: HostileRequest): Promise<number> {
  switch (request) {
    case 'watch':
      watched = longestGap(() => new Promise<void>((resolve) => (unwatch = resolve)))
      return 0
    case 'unwatch':
      unwatch()
      return (await watched).gapMs
    case 'cpu': {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1000
    }
    default: {
      const logger = createLogger('webhook', { write: () => undefined })
      const server = createAdmissionServer({
        ...{ tls: request, getSnapshot: () => snapshot, logger },
        ...(request.clientCa === undefined ? {} : { clientCa: request.clientCa })
      })
      return (await server.listen({ host: '127.0.0.1', port: request.port ?? 0 })).port
    }
  }
}

process.on('message', (request: HostileRequest) => {
  void answer(request).then((value) => process.send?.(value))
})
process.on('disconnect', () => process.exit(0))
