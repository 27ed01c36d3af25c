import { Counter, type Registry } from 'prom-client'
import type { Logger } from '../../../src/lib/log.js'
import type { ReflectorEvent } from '../../../src/store/kubernetes-reflector.js'

/** WatchListener gets each event of a watch of the API server. */
export type WatchListener = (resource: string, event: ReflectorEvent, error?: unknown) => void

/** Why a watch was restarted: the server ended it, its version expired, or it failed. */
const reasons = { ended: 'ended', expired: 'expired', failed: 'failed' } as const

/** Counts `secco_watch_restarts_total{resource, reason}`, and logs a failure once until the watch works again. */
export function watchMetrics(registry: Registry, logger: Logger): WatchListener {
  const restarts = new Counter({
    name: 'secco_watch_restarts_total',
    help: 'Restarts of watches of the API server, by resource and reason. An idle watch ends by itself twice a minute.',
    labelNames: ['resource', 'reason'] as const,
    registers: [registry]
  })
  const failing = new Set<string>()
  return (resource, event, error) => {
    if (event === 'ended' || event === 'expired' || event === 'failed') {
      restarts.inc({ resource, reason: reasons[event] })
    }
    if (event === 'failed' && !failing.has(resource)) {
      failing.add(resource)
      logger.warn({ resource, err: error }, 'watch of the API server failed; retrying')
    } else if ((event === 'ended' || event === 'listed') && failing.delete(resource)) {
      logger.info({ resource }, 'watch of the API server works again')
    }
  }
}
