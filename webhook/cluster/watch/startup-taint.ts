import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import type { ClusterNode, ClusterView } from './cluster-view.js'

/** Nodes register with this taint (kubelet --register-with-taints), so that no pod comes before the files. */
export const startupTaintKey = 'secco.dev/not-ready'

const hasStartupTaint = ({ taints }: ClusterNode): boolean =>
  taints.some(({ key }) => key === startupTaintKey)

/**
 * Returns a JSON patch that removes only this taint. Taints are one list to the API server, so the patch tests the
 * position first. Undefined: the node does not have the taint.
 */
export function untaint({ taints }: ClusterNode): object[] | undefined {
  const at = taints.findIndex(({ key }) => key === startupTaintKey)
  if (at === -1) return undefined
  return [
    { op: 'test', path: `/spec/taints/${at}/key`, value: startupTaintKey },
    { op: 'remove', path: `/spec/taints/${at}` }
  ]
}

interface StartupTaints {
  /** Scans the nodes: one may hold everything now. */
  scan(): void
  close(): void
}

const retryMs = 5000

/** Removes the start-up taint from each node whose satellite holds every file. */
export function createStartupTaints(options: {
  view: ClusterView
  call: ApiCall
  /** Returns whether the node is connected to this hub and holds every file. */
  isComplete: (node: string) => boolean
  logger: Logger
}): StartupTaints {
  const { view, call, logger } = options
  /** Nodes with a request, uid by name; kept until the view shows the change, which is a moment later. */
  const asked = new Map<string, string>()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  async function open(node: ClusterNode): Promise<void> {
    const body = untaint(node)
    if (body === undefined) return
    const contentType = 'application/json-patch+json'
    try {
      await call('PATCH', `/api/v1/nodes/${node.name}`, { body, contentType })
      logger.info({ node: node.name }, 'start-up taint removed')
    } catch (error) {
      if (error instanceof SeccoError && error.code === 'NOT_FOUND') return
      const { code, message } = toSeccoError(error)
      asked.delete(node.name)
      logger.warn({ code, node: node.name, reason: message }, 'start-up taint not removed')
      if (!closed) timer ??= setTimeout(retry, retryMs)
    }
  }

  function retry(): void {
    timer = undefined
    scan()
  }

  function scan(): void {
    if (closed) return
    for (const name of asked.keys()) if (!view.nodes().has(name)) asked.delete(name)
    for (const node of view.nodes().values()) {
      if (!hasStartupTaint(node)) asked.delete(node.name)
      // A node that returns under the same name with another uid has its taint again.
      else if (asked.get(node.name) !== node.uid && options.isComplete(node.name)) {
        asked.set(node.name, node.uid)
        void open(node)
      }
    }
  }

  return {
    scan,
    close() {
      closed = true
      clearTimeout(timer)
    }
  }
}
