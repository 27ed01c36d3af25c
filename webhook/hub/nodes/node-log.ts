import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Losses, NodeStatus } from '../../../src/api/gen/hub.js'
import { errnoOf, keepUnreadable, removeDurable } from '../../../src/lib/durable-file.js'
import type { Logger } from '../../../src/lib/log.js'
import { readRecords, RecordLog } from '../../../src/lib/record-log.js'
import type { CarriedLosses } from './carried-losses.js'
import type { KnownNode } from './node-state.js'
import type { Nodes } from './nodes.js'

const isText = (value: unknown): value is string => typeof value === 'string'
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The largest number of a path: a bitmap of a node has as many bits. */
const mostPaths = 1 << 20

/** Paths gives each path a number, so that what a node holds is a few bytes. */
class Paths {
  readonly #numbers = new Map<string, number>()

  /** Returns the numbers as bits, in base64, and the paths that got a new number. */
  bits(paths: Iterable<string>): { bits: string; added: { number: number; path: string }[] } {
    const added: { number: number; path: string }[] = []
    const numbers = [...paths].map((path) => {
      const known = this.#numbers.get(path)
      if (known !== undefined) return known
      const number = this.#numbers.size
      this.#numbers.set(path, number)
      added.push({ number, path })
      return number
    })
    const bytes = Buffer.alloc((Math.max(-1, ...numbers) >> 3) + 1)
    for (const number of numbers) {
      if (number < mostPaths) bytes[number >> 3] = (bytes[number >> 3] ?? 0) | (1 << (number & 7))
    }
    return { bits: bytes.toString('base64'), added }
  }

  clear(): void {
    this.#numbers.clear()
  }
}

interface SavedNode {
  lastSeen: string
  connected: boolean
  held: Buffer
  lost: CarriedLosses | undefined
}

/** Returns the losses in a record; undefined where an earlier release wrote none. */
function readCarried(raw: unknown): CarriedLosses | undefined {
  if (!isObject(raw)) return undefined
  const { boot, satellite, earlier, newest } = raw
  if (!isText(boot) || !isText(satellite) || !isObject(earlier) || !isObject(newest))
    return undefined
  const read = (losses: object) => Losses.fromPartial(losses)
  return { boot, satellite, earlier: read(earlier), newest: read(newest) }
}

/** SavedNodes reads the records of nodes, in their order. */
class SavedNodes {
  readonly #paths = new Map<number, string>()
  readonly #nodes = new Map<string, SavedNode>()
  readonly #statuses = new Map<string, NodeStatus>()
  /** The last time at which the nodes that were connected then are known to have been. */
  #at = ''

  readonly take = (record: unknown): boolean => {
    if (!isObject(record)) return false
    const { node, path, number, gone, at } = record
    if (isText(at)) this.#seen(at)
    else if (isText(gone)) this.#forget(gone)
    else if (isText(path) && Number.isSafeInteger(number)) this.#paths.set(number as number, path)
    else if (isText(node)) return this.#node(node, record)
    else return false
    return true
  }

  list(): KnownNode[] {
    return [...this.#nodes].map(([name, { lastSeen, connected, held, lost }]) => {
      const status = this.#statuses.get(name)
      return {
        ...{ name, connected, holding: this.#pathsOf(held) },
        lastSeen: connected && lastSeen < this.#at ? this.#at : lastSeen,
        ...(status === undefined ? {} : { status }),
        ...(lost === undefined ? {} : { carried: lost })
      }
    })
  }

  #node(
    node: string,
    { status, seen, held, connected, carried }: Record<string, unknown>
  ): boolean {
    if (isObject(status)) this.#statuses.set(node, NodeStatus.fromPartial(status))
    else if (isText(seen) && isText(held)) {
      const bits = Buffer.from(held, 'base64')
      const lost = readCarried(carried)
      this.#nodes.set(node, { lastSeen: seen, connected: connected === true, held: bits, lost })
    } else return false
    return true
  }

  #seen(at: string): void {
    this.#at = at
  }

  #forget(node: string): void {
    this.#nodes.delete(node)
    this.#statuses.delete(node)
  }

  #pathsOf(held: Buffer): string[] {
    return [...held].flatMap((byte, at) =>
      Array.from({ length: 8 }, (_, bit) =>
        (byte >> bit) & 1 ? (this.#paths.get(8 * at + bit) ?? []) : []
      ).flat()
    )
  }
}

/** Reads the list of nodes that earlier releases saved. */
function readEarlier(raw: unknown): KnownNode[] {
  if (!Array.isArray(raw)) throw new Error('is not a list')
  return raw.flatMap((item: unknown) => {
    if (!isObject(item)) return []
    const { name, lastSeen, holding, status } = item
    if (!isText(name) || !isText(lastSeen)) return []
    const held = Array.isArray(holding) ? holding.filter(isText) : []
    const known: KnownNode = { name, lastSeen, holding: held }
    if (isObject(status)) known.status = NodeStatus.fromPartial(status)
    return [known]
  })
}

async function loadEarlier(path: string, logger: Logger): Promise<KnownNode[]> {
  try {
    return readEarlier(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') {
      const reason = error instanceof Error ? error.message : String(error)
      const kept = await keepUnreadable(path)
      const facts = { code: 'STORE_CORRUPT', where: path, reason, kept }
      logger.warn(facts, 'earlier nodes are not known')
    }
    return []
  }
}

const logOf = (dir: string): string => join(dir, 'nodes.log')
const earlierOf = (dir: string): string => join(dir, 'nodes.json')

const timeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0
  )

/**
 * Loads the nodes that a hub knew before it was restarted, so that a revision does not look ready because
 * only the fast nodes are back, nor unready because none is. What cannot be read is logged and kept aside: nodes
 * reconnect by themselves.
 */
export async function loadKnownNodes(dir: string, logger: Logger): Promise<KnownNode[]> {
  // An earlier release that ran in between wrote the list and left the log as it was.
  if ((await timeOf(earlierOf(dir))) > (await timeOf(logOf(dir))))
    return loadEarlier(earlierOf(dir), logger)
  const saved = new SavedNodes()
  const isThere = await readRecords(logOf(dir), logger, saved.take)
  return isThere ? saved.list() : loadEarlier(earlierOf(dir), logger)
}

/** NodeRecords makes records of nodes. */
class NodeRecords {
  readonly #nodes: Pick<Nodes, 'known' | 'names' | 'takeChanged'>
  readonly #paths = new Paths()
  /** The status that was saved last, by node. */
  readonly #statuses = new Map<string, NodeStatus | undefined>()

  constructor(nodes: Pick<Nodes, 'known' | 'names' | 'takeChanged'>) {
    this.#nodes = nodes
  }

  changes(): Iterable<object> {
    return this.#of(this.#nodes.takeChanged())
  }

  *all(): Iterable<object> {
    this.#paths.clear()
    this.#statuses.clear()
    yield* this.#of(this.#nodes.names())
  }

  *#of(names: Iterable<string>): Iterable<object> {
    for (const name of names) yield* this.#recordsOf(name)
    yield { at: new Date().toISOString() }
  }

  *#recordsOf(node: string): Iterable<object> {
    const known = this.#nodes.known(node)
    if (known === undefined) {
      this.#statuses.delete(node)
      yield { gone: node }
      return
    }
    const { lastSeen: seen, connected, holding, status, carried } = known
    const { bits: held, added } = this.#paths.bits(holding)
    yield* added
    yield { node, seen, connected, held, ...(carried === undefined ? {} : { carried }) }
    if (status !== undefined && this.#statuses.get(node) !== status) yield { node, status }
    this.#statuses.set(node, status)
  }
}

/** Creates the log of the nodes of a hub. @param waitMs least time between two writes */
export function createNodeLog(
  dir: string,
  nodes: Pick<Nodes, 'known' | 'names' | 'takeChanged'>,
  waitMs: number,
  logger: Logger
): RecordLog {
  return new RecordLog({
    ...{ path: logOf(dir), what: 'nodes', source: new NodeRecords(nodes), waitMs, logger },
    rewritten: async () => {
      await removeDurable(earlierOf(dir))
    }
  })
}
