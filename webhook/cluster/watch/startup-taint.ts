import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import type { ClusterNode, ClusterView } from './cluster-view.js'

/** Put on nodes when they register (kubelet --register-with-taints): no pod comes before the files. */
export const startupTaintKey = 'secco.dev/not-ready'

export const hasStartupTaint = ({ taints }: ClusterNode): boolean =>
  taints.some(({ key }) => key === startupTaintKey)

/**
 * A JSON patch that takes the taint away, and nothing else: taints are one list to the API server, so
 * the place is tested first. undefined: it is not there.
 */
export function untaint({ taints }: ClusterNode): object[] | undefined {
  const at = taints.findIndex(({ key }) => key === startupTaintKey)
  if (at === -1) return undefined
  return [
    { op: 'test', path: `/spec/taints/${at}/key`, value: startupTaintKey },
    { op: 'remove', path: `/spec/taints/${at}` }
  ]
}

export interface StartupTaints {
  /** Looks again: a node may hold everything now. */
  look(): void
  close(): void
}

const retryMs = 5000

/** Takes the start-up taint from each node whose satellite holds everything for the first time. */
export function createStartupTaints(options: {
  view: ClusterView
  call: ApiCall
  /** The node is connected to this hub and holds every file. */
  isComplete: (node: string) => boolean
  logger: Logger
}): StartupTaints {
  const { view, call, logger } = options
  /** Asked for, name and uid; kept until the view shows it, which is a moment later. */
  const asked = new Map<string, string>()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  async function open(node: ClusterNode): Promise<void> {
    const body = untaint(node)
    if (body === undefined) return
    const contentType = 'application/json-patch+json'
    try {
      await call('PATCH', `/api/v1/nodes/${node.name}`, { body, contentType })
      logger.info({ node: node.name }, 'the node has every file: start-up taint removed')
    } catch (error) {
      if (error instanceof SeccoError && error.code === 'NOT_FOUND') return
      const { code, message } = toSeccoError(error)
      asked.delete(node.name)
      logger.warn({ code, node: node.name }, `start-up taint: ${message}`)
      if (!closed) timer ??= setTimeout(retry, retryMs)
    }
  }

  function retry(): void {
    timer = undefined
    look()
  }

  function look(): void {
    if (closed) return
    for (const name of asked.keys()) if (!view.nodes().has(name)) asked.delete(name)
    for (const node of view.nodes().values()) {
      if (!hasStartupTaint(node)) asked.delete(node.name)
      // One that comes back under its name is another one, and has its taint again.
      else if (asked.get(node.name) !== node.uid && options.isComplete(node.name)) {
        asked.set(node.name, node.uid)
        void open(node)
      }
    }
  }

  return {
    look,
    close() {
      closed = true
      clearTimeout(timer)
    }
  }
}
