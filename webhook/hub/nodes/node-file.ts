import { readFile } from 'node:fs/promises'
import { NodeStatus } from '../../../src/api/gen/hub.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import { errnoOf, writeDurable } from '../../../src/lib/durable-file.js'
import type { KnownNode } from './nodes.js'

function readKnown(raw: unknown): KnownNode[] {
  if (!Array.isArray(raw)) throw new Error('is not a list')
  return raw.flatMap((item: unknown) => {
    if (typeof item !== 'object' || item === null) return []
    const { name, lastSeen, holding, status } = item as Record<string, unknown>
    if (typeof name !== 'string' || typeof lastSeen !== 'string') return []
    const held = Array.isArray(holding)
      ? holding.filter((path: unknown): path is string => typeof path === 'string')
      : []
    const known: KnownNode = { name, lastSeen, holding: held }
    if (typeof status === 'object' && status !== null) known.status = NodeStatus.fromPartial(status)
    return [known]
  })
}

/**
 * Loads the nodes that a hub knew before it was restarted, so that a revision does not look ready because
 * only the fast nodes are back, nor unready because none is. A file that cannot be read is logged, and the next
 * save replaces it: nodes reconnect by themselves.
 */
export async function loadKnownNodes(path: string, logger: Logger): Promise<KnownNode[]> {
  try {
    return readKnown(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') {
      const reason = error instanceof Error ? error.message : String(error)
      logger.warn({ code: 'STORE_CORRUPT', where: path, reason }, 'earlier nodes are not known')
    }
    return []
  }
}

export interface NodeSaver {
  changed(): void
  flush(): Promise<void>
}

/** Creates a saver that saves at most once in `waitMs`; `flush` saves at once. A failure is logged. */
export function createNodeSaver(
  path: string,
  nodes: () => KnownNode[],
  waitMs: number,
  logger: Logger
): NodeSaver {
  let timer: NodeJS.Timeout | undefined
  let queue: Promise<void> = Promise.resolve()

  async function save(): Promise<void> {
    try {
      await writeDurable(path, JSON.stringify(nodes()))
    } catch (thrown) {
      const { code, message } = toSeccoError(thrown)
      logger.error({ code, reason: message }, 'nodes not saved')
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    queue = queue.then(save)
    return queue
  }

  return {
    changed: () => void (timer ??= setTimeout(() => void flush(), waitMs)),
    flush
  }
}
