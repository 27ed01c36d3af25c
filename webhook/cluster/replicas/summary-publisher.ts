import { toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'

/** ConfigMap with the summary of the active hub. */
export const summaryName = 'secco-hub-active'

/** SummaryPublisher writes this hub's summary to the API server while it is the active hub, and renews it. */
interface SummaryPublisher {
  /** Schedules a write: the summary may have changed, or somebody else wrote one. */
  changed(force?: boolean): void
  /** Writes now what has changed; resolves when other replicas can read it, or when the attempt failed. */
  written(): Promise<void>
  close(): Promise<void>
}

interface SummaryPublisherOptions {
  call: ApiCall
  namespace: string
  /** This hub: its pod's name. */
  id: string
  content: () => Buffer
  /** Whether this hub is the active one: no other hub writes. */
  mayWrite: () => boolean
  logger: Logger
  /** Changes are collected this long; it is also the least time between two writes. */
  debounceMs?: number
  renewMs?: number
}

/** Publishes the ConfigMap. A failed write is logged once and retried. */
export function startSummaryPublisher(options: SummaryPublisherOptions): SummaryPublisher {
  const { call, namespace, id, mayWrite, logger, debounceMs = 300, renewMs = 15_000 } = options
  const path = `/api/v1/namespaces/${namespace}/configmaps/${summaryName}`
  let written: string | undefined
  let logged = ''
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let queue = Promise.resolve()

  async function write(renew: boolean): Promise<void> {
    if (closed || !mayWrite()) {
      written = undefined
      return
    }
    const summary = options.content().toString('base64')
    if (!renew && summary === written) return
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: summaryName, namespace },
      data: { hub: id, renewed: new Date().toISOString() },
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
      if (logged !== code) logger.error({ code, reason: message }, 'summary of nodes not written')
      logged = code
      later(1000)
    }
  }

  function inOrder(renew: boolean): Promise<void> {
    queue = queue.then(() => write(renew))
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
    changed(force = false) {
      if (force) written = undefined
      later(debounceMs)
    },
    written: () => inOrder(false),
    async close() {
      closed = true
      clearTimeout(timer)
      clearInterval(renewal)
      await queue
    }
  }
}
