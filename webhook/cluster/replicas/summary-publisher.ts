import { toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'

/** Label of each hub's summary object. */
export const summaryLabel = 'secco.dev/hub-summary'
export const namePrefix = 'secco-hub-'

/** SummaryPublisher writes this hub's summary to the API server, and renews it. */
interface SummaryPublisher {
  /** Schedules a write: the summary may have changed. */
  changed(): void
  /** Marks this hub as ended: its nodes are away from now on. */
  close(): Promise<void>
}

interface SummaryPublisherOptions {
  call: ApiCall
  namespace: string
  /** This hub: its pod's name. */
  id: string
  content: () => Buffer
  logger: Logger
  /** Changes are collected this long; it is also the least time between two writes. */
  debounceMs?: number
  renewMs?: number
}

/** Publishes one ConfigMap `secco-hub-<id>`. A failed write is logged once and retried. */
export function startSummaryPublisher(options: SummaryPublisherOptions): SummaryPublisher {
  const { call, namespace, id, logger, debounceMs = 300, renewMs = 15_000 } = options
  const name = `${namePrefix}${id}`
  const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`
  let written: string | undefined
  let logged = ''
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let queue = Promise.resolve()

  async function write(renew: boolean, ended = false): Promise<void> {
    const summary = options.content().toString('base64')
    if (!renew && summary === written) return
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, labels: { [summaryLabel]: 'true' } },
      data: { renewed: new Date().toISOString(), ...(ended ? { ended: 'true' } : {}) },
      binaryData: { summary }
    }
    try {
      await call('PATCH', path, {
        query: { fieldManager: 'secco-hub', force: true },
        contentType: 'application/apply-patch+yaml',
        body
      })
      written = summary
      logged = ''
    } catch (thrown) {
      const { code, message } = toSeccoError(thrown)
      if (logged !== code)
        logger.error({ code, reason: message }, 'summary of this hub not written')
      logged = code
      if (!ended) later(1000)
    }
  }

  function inOrder(renew: boolean, ended = false): Promise<void> {
    queue = queue.then(() => write(renew, ended))
    return queue
  }

  function later(ms: number): void {
    if (closed) return
    timer ??= setTimeout(() => {
      timer = undefined
      void inOrder(false)
    }, ms)
  }

  const renewal = setInterval(() => void inOrder(true), renewMs)
  void inOrder(true)

  return {
    changed: () => later(debounceMs),
    async close() {
      closed = true
      clearTimeout(timer)
      clearInterval(renewal)
      await inOrder(true, true)
    }
  }
}
