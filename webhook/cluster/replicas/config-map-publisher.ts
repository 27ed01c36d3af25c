import { toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'

/** Between two renewals: who has not renewed for three times as long is not believed. */
export const defaultRenewMs = 15_000

/** ConfigMapPublisher writes the content of one ConfigMap, or this replica's part of it, and renews it. */
export interface ConfigMapPublisher {
  /** Schedules a write: the content may have changed, or somebody else wrote one. */
  changed(force?: boolean): void
  /** Writes now what has changed; resolves when other replicas can read it, or when the attempt failed. */
  written(): Promise<void>
  close(): Promise<void>
}

export interface ConfigMapPublisherOptions {
  call: ApiCall
  namespace: string
  /** Name of the ConfigMap. */
  name: string
  /** Owns the members that `membersOf` returns (server-side apply); members of other managers stay. */
  fieldManager: string
  content: () => string
  /** Returns `data` and `binaryData`. @param renewed when the content was confirmed (RFC 3339) */
  membersOf: (content: string, renewed: string) => object
  mayWrite: () => boolean
  logger: Logger
  /** Changes are collected this long; it is also the least time between two writes. */
  debounceMs?: number
  renewMs?: number
}

/** Publishes the ConfigMap. A failed write is logged once and retried. */
export function startConfigMapPublisher(options: ConfigMapPublisherOptions): ConfigMapPublisher {
  const { call, namespace, name, mayWrite, logger } = options
  const { debounceMs = 300, renewMs = defaultRenewMs } = options
  const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`
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
    const content = options.content()
    if (!renew && content === written) return
    const body = {
      ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } },
      ...options.membersOf(content, new Date().toISOString())
    }
    try {
      await call('PATCH', path, {
        query: { fieldManager: options.fieldManager, force: true },
        contentType: 'application/apply-patch+yaml',
        body
      })
      written = content
      logged = ''
    } catch (thrown) {
      const { code, message } = toSeccoError(thrown)
      if (logged !== code)
        logger.error({ code, configMap: name, reason: message }, 'ConfigMap not written')
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
