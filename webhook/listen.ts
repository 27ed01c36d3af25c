import type { FastifyInstance } from 'fastify'
import { SeccoError } from '../src/lib/errors.js'
import type { Logger } from '../src/lib/log.js'
import { type Address, hostPort } from './webhook-options.js'

/** Listens for the pages; returns the address with the port that was chosen. @throws SeccoError PORT_IN_USE */
export async function listenUi(
  app: FastifyInstance,
  address: Address,
  log: Logger
): Promise<Address> {
  try {
    await app.listen(address)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new SeccoError('PORT_IN_USE', `${hostPort(address)}: in use already`, {
      cause,
      hint: 'choose another with --ui-listen, or port 0'
    })
  }
  app.server.on('error', (error) => log.error({ err: error }, 'pages: connection not accepted'))
  const bound = app.server.address()
  return {
    host: address.host,
    port: bound !== null && typeof bound === 'object' ? bound.port : address.port
  }
}

/** Returns the host that others reach; undefined when the hub listens at every address of this machine. */
export function reachable({ host }: Address): string | undefined {
  return host === '0.0.0.0' || host === '::' ? undefined : host
}
