import { toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'

/** Label of every hub's summary object. */
export const summaryLabel = 'secco.dev/hub-summary'
export const namePrefix = 'secco-hub-'

/** Writes this hub's summary to the API server, and renews it. */
export interface SummaryPublisher {
  /** What is told may have changed. */
  changed(): void
  /** Tells that this hub is going: its nodes are away from now on. */
  close(): Promise<void>
}

export interface SummaryPublisherOptions {
  call: ApiCall
  namespace: string
  /** Of this hub: its pod's name. */
  id: string
  content: () => Buffer
  logger: Logger
  /** Changes are collected this long, and no two writes are nearer than that. */
  debounceMs?: number
  renewMs?: number
}

/** Publishes one ConfigMap `secco-hub-<id>`; a failed write is said once and tried again. */
export function startSummaryPublisher(options: SummaryPublisherOptions): SummaryPublisher {
  const { call, namespace, id, logger, debounceMs = 300, renewMs = 15_000 } = options
  const name = `${namePrefix}${id}`
  const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`
  let written: string | undefined
  let complaint = ''
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
      complaint = ''
    } catch (thrown) {
      const { code, message } = toSeccoError(thrown)
      if (complaint !== code) logger.error({ code }, `hub summary: ${message}`)
      complaint = code
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
