import { createServer } from 'node:http'
import { SeccoError } from '../src/lib/errors.js'
import { aliveChecks, healthReport, type ReadinessCheck } from '../src/lib/health.js'
import { satelliteMetrics, type SatelliteState } from './metrics.js'

export interface HealthServer {
  address: { host: string; port: number }
  close(): Promise<void>
}

/** The readiness checks: the hub knows this node, and the recorder works if it is wanted. */
function satelliteChecks(state: SatelliteState): ReadinessCheck[] {
  return [
    { name: 'hub', problem: () => (state.connected() ? undefined : 'no stream to the hub') },
    {
      name: 'recorder',
      problem: () => {
        const { record, tracingUnavailable } = state.status()
        return record === 'off' || tracingUnavailable === '' ? undefined : tracingUnavailable
      }
    },
    {
      name: 'seccomp-folder',
      problem: () =>
        state
          .status()
          .conditions.find(
            ({ type, status: value }) => type === 'ProfilesWritable' && value === 'False'
          )?.message
    }
  ]
}

/**
 * Serves plain HTTP for kubelet and Prometheus: `GET /livez /readyz /metrics`. Nothing can be written, and nothing is
 * shown of any workload.
 * @throws SeccoError PORT_IN_USE.
 */
export async function serveHealth(
  listen: { host: string; port: number },
  state: SatelliteState
): Promise<HealthServer> {
  const registry = satelliteMetrics(state)
  const ready = satelliteChecks(state)
  const server = createServer((request, response) => {
    // Clients may send any text as a URL; `//` cannot be parsed as one.
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    const send = (code: number, text: string, type = 'text/plain; charset=utf-8') =>
      response.writeHead(code, { 'content-type': type }).end(text)
    if (request.method !== 'GET' && request.method !== 'HEAD') send(405, 'only GET\n')
    else if (path === '/livez' || path === '/readyz') {
      const name = path.slice(1)
      const checks = name === 'livez' ? aliveChecks : ready
      const isVerbose = new URLSearchParams(query).has('verbose')
      const { status, text } = healthReport(name, checks, isVerbose)
      send(status, text)
    } else if (path === '/metrics') {
      registry.metrics().then(
        (text) => send(200, text, registry.contentType),
        () => send(500, 'metrics could not be collected\n')
      )
    } else send(404, 'GET /livez, /readyz, /metrics\n')
  })
  server.headersTimeout = 3000
  server.requestTimeout = 5000
  server.maxConnections = 64
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = `${listen.host}:${listen.port}`
      reject(
        cause.code === 'EADDRINUSE'
          ? new SeccoError('PORT_IN_USE', `${where}: already in use`, {
              cause,
              hint: 'choose another address with --health-listen, or port 0'
            })
          : cause
      )
    })
    server.listen(listen.port, listen.host, resolve)
  })
  // A connection that cannot be accepted (no memory, no descriptor) must not end the satellite.
  server.removeAllListeners('error').on('error', () => undefined)
  const bound = server.address()
  const port = bound !== null && typeof bound === 'object' ? bound.port : listen.port
  return {
    address: { host: listen.host, port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}
