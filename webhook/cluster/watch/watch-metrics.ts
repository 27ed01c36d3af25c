import { Counter, type Registry } from 'prom-client'
import type { Logger } from '../../../src/lib/log.js'
import type { ReflectorEvent } from '../../../src/store/kubernetes-reflector.js'

/** Told of everything that a watch of the API server goes through. */
export type WatchListener = (resource: string, event: ReflectorEvent, error?: unknown) => void

/** What made a watch begin anew: the server closed it, the version was gone, or it failed. */
const reasons = { ended: 'ended', expired: 'expired', failed: 'failed' } as const

/** Counts `secco_watch_restarts_total{resource, reason}`, and says a failure once until it works again. */
export function watchMetrics(registry: Registry, logger: Logger): WatchListener {
  const restarts = new Counter({
    name: 'secco_watch_restarts_total',
    help: 'Watches of the API server that were begun anew, by resource and why. A quiet watch ends by itself twice a minute.',
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
      logger.warn({ resource, err: error }, 'a watch of the API server failed; it is tried again')
    } else if ((event === 'ended' || event === 'listed') && failing.delete(resource)) {
      logger.info({ resource }, 'the watch works again')
    }
  }
}
