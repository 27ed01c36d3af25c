import { startupTaint } from '../../../src/api/names.js'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import type { ClusterNode, ClusterView } from './cluster-view.js'

const hasStartupTaint = ({ taints }: ClusterNode): boolean =>
  taints.some(({ key }) => key === startupTaint)

/** A person took the node out: the taint that Secco gives to new nodes has no value. */
const isHeld = ({ taints }: ClusterNode): boolean =>
  taints.some(({ key, value }) => key === startupTaint && value !== '')

/**
 * Returns a JSON patch that removes only this taint. Taints are one list to the API server, so the patch tests the
 * position first. Undefined: the node does not have the taint.
 */
export function untaint({ taints }: ClusterNode): object[] | undefined {
  const at = taints.findIndex(({ key }) => key === startupTaint)
  if (at === -1) return undefined
  return [
    { op: 'test', path: `/spec/taints/${at}/key`, value: startupTaint },
    { op: 'remove', path: `/spec/taints/${at}` }
  ]
}

interface StartupTaintOptions {
  view: ClusterView
  call: ApiCall
  /** Returns whether the node is connected to this hub and holds every file. */
  isComplete: (node: string) => boolean
  /** Returns whether this hub removes taints. */
  isActive: () => boolean
  logger: Logger
  now?: () => number
  /** How long after its creation a node has the taint at most; default five minutes. */
  mostMs?: number
}

const retryMs = 5000
/** A satellite that does not start must not keep a node empty. */
const defaultMostMs = 300_000

/**
 * StartupTaints removes the start-up taint from each node whose satellite holds every file, and from nodes that wait for
 * too long.
 */
export class StartupTaints {
  readonly #options: StartupTaintOptions
  readonly #mostMs: number
  /** Nodes with a request, uid by name; kept until the view shows the change, which is a moment later. */
  readonly #asked = new Map<string, string>()
  /** Code of the last failure of each node, which was logged. */
  readonly #failed = new Map<string, string>()
  #retry: NodeJS.Timeout | undefined
  /** Fires when the time of the next node is over. */
  #limit: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: StartupTaintOptions) {
    this.#options = options
    this.#mostMs = options.mostMs ?? defaultMostMs
  }

  /** Scans the nodes: one may hold everything now. */
  scan(): void {
    const { view, isActive } = this.#options
    if (this.#isClosed || !isActive()) return
    for (const known of [this.#asked, this.#failed])
      for (const name of known.keys()) if (!view.nodes().has(name)) known.delete(name)
    for (const node of view.nodes().values()) {
      if (!hasStartupTaint(node)) this.#asked.delete(node.name)
      // A node that returns under the same name with another uid has its taint again.
      else if (this.#asked.get(node.name) !== node.uid && this.#isDue(node)) {
        this.#asked.set(node.name, node.uid)
        void this.#open(node)
      }
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#retry)
    clearTimeout(this.#limit)
  }

  #isDue(node: ClusterNode): boolean {
    if (this.#options.isComplete(node.name)) return true
    if (isHeld(node)) return false
    const remaining = this.#remainingMs(node)
    if (remaining <= 0) {
      const minutes = Math.round(this.#mostMs / 60_000)
      this.#options.logger.warn({ node: node.name, minutes }, 'node opened without its files')
      return true
    }
    this.#limit ??= setTimeout(
      () => {
        this.#limit = undefined
        this.scan()
      },
      Math.min(remaining, this.#mostMs)
    )
    return false
  }

  /** Returns how long the node may still wait. An unknown time of creation counts as now. */
  #remainingMs({ createdAt }: ClusterNode): number {
    const since = Date.parse(createdAt)
    const { now = Date.now } = this.#options
    return Number.isNaN(since) ? this.#mostMs : since + this.#mostMs - now()
  }

  async #open(node: ClusterNode): Promise<void> {
    const { call, logger } = this.#options
    const body = untaint(node)
    if (body === undefined) return
    const contentType = 'application/json-patch+json'
    try {
      await call('PATCH', `/api/v1/nodes/${node.name}`, { body, contentType })
      this.#failed.delete(node.name)
      logger.info({ node: node.name }, 'start-up taint removed')
    } catch (error) {
      if (error instanceof SeccoError && error.code === 'NOT_FOUND') return
      const { code, message } = toSeccoError(error)
      this.#asked.delete(node.name)
      if (this.#failed.get(node.name) !== code)
        logger.warn({ code, node: node.name, reason: message }, 'start-up taint not removed')
      this.#failed.set(node.name, code)
      if (!this.#isClosed) this.#retry ??= setTimeout(() => this.#tryAgain(), retryMs)
    }
  }

  #tryAgain(): void {
    this.#retry = undefined
    this.scan()
  }
}
