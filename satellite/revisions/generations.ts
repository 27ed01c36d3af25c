import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Revision } from '../../src/api/gen/hub.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { Worker } from '../../src/lib/worker.js'
import { ensureFolder, errnoOf, keepUnreadable, writeDurable } from '../../src/lib/durable-file.js'

/** The newest approval of one profile that this node has seen. */
interface Seen {
  createdAt: string
  generation: number
}

const mostProfiles = 50_000
const collectMs = 500

function isSeen(value: unknown): value is Seen {
  const { createdAt, generation } = (value ?? {}) as Partial<Record<keyof Seen, unknown>>
  return typeof createdAt === 'string' && Number.isSafeInteger(generation)
}

/** Clock returns the time of this node in ms. */
type Clock = () => number

/**
 * Returns what was seen with a time that is not after now. A hub that was taken over may claim any time, and one in the far
 * future would be the newest for ever; this way a profile that is created again is newer.
 */
function notAfter(now: number, { createdAt, generation }: Seen): Seen {
  // Kubernetes writes whole seconds.
  const latest = `${new Date(now).toISOString().slice(0, 19)}Z`
  return { createdAt: createdAt > latest ? latest : createdAt, generation }
}

async function load(path: string, logger: Logger, now: number): Promise<Map<string, Seen>> {
  const lose = async (reason: string): Promise<void> => {
    const kept = await keepUnreadable(path)
    const facts = { code: 'STORE_CORRUPT', path, reason, kept }
    logger.error(facts, 'generations cannot be read: older approvals may be taken')
  }
  try {
    const entries = Object.entries(
      JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
    )
    const lost = entries.filter(([, seen]) => !isSeen(seen)).map(([key]) => key)
    if (lost.length > 0)
      await lose(`no generations: ${lost.length}: ${lost.slice(0, 5).join(', ')}`)
    return new Map(
      entries.flatMap(([key, seen]) => (isSeen(seen) ? [[key, notAfter(now, seen)]] : []))
    )
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT')
      await lose(error instanceof Error ? error.message : String(error))
    return new Map()
  }
}

/** True if `left` is earlier in a profile's life: the object was created earlier, or has a smaller generation. */
function isOlder(left: Seen, right: Seen): boolean {
  if (left.createdAt !== right.createdAt) return left.createdAt < right.createdAt
  return left.generation < right.generation
}

/** Opens `<root>/secco/generations.json`, which only this node writes. */
export async function openGenerations(
  root: string,
  logger: Logger,
  clock: Clock = Date.now
): Promise<Generations> {
  const path = join(root, 'secco', 'generations.json')
  return new Generations(path, await load(path, logger, clock()), logger, clock)
}

const keyOf = ({ namespace, profile }: Revision): string => `${namespace}/${profile}`

/** Undefined for a revision from a hub without generations. */
const claimOf = ({ origin }: Revision): Seen | undefined =>
  origin === undefined || origin.generation === 0
    ? undefined
    : { createdAt: origin.createdAt, generation: origin.generation }

/** Generations remembers the newest approval that this node has seen of each profile: older ones are rejected. */
export class Generations {
  readonly #path: string
  readonly #seen: Map<string, Seen>
  readonly #saver: Worker
  readonly #clock: Clock

  constructor(path: string, seen: Map<string, Seen>, logger: Logger, clock: Clock) {
    this.#clock = clock
    this.#path = path
    this.#seen = seen
    this.#saver = new Worker(() => this.#save(), {
      delayMs: collectMs,
      onError: (error) => logger.error({ err: error, path }, 'generations could not be saved')
    })
  }

  /** @throws SeccoError OLDER_GENERATION */
  check(revision: Revision): void {
    const before = this.#seen.get(keyOf(revision))
    if (before === undefined) return
    const now = this.#seenNow(revision)
    if (now === undefined || isOlder(now, before)) {
      const text = `approval ${now?.generation ?? 'without a generation'} came after ${before.generation}`
      throw new SeccoError('OLDER_GENERATION', `${keyOf(revision)}: ${text}`)
    }
  }

  /** Notes a revision that was installed. It is saved soon: many revisions are one write. */
  note(revision: Revision): void {
    const now = this.#seenNow(revision)
    const key = keyOf(revision)
    const before = this.#seen.get(key)
    if (now === undefined || (before !== undefined && !isOlder(before, now))) return
    if (before === undefined && this.#seen.size >= mostProfiles) return
    this.#seen.set(key, now)
    this.#saver.request()
  }

  /** Resolves when everything noted is durable, or could not be written and that was logged. */
  flush(): Promise<void> {
    return this.#saver.flush()
  }

  #seenNow(revision: Revision): Seen | undefined {
    const claim = claimOf(revision)
    return claim && notAfter(this.#clock(), claim)
  }

  async #save(): Promise<void> {
    await ensureFolder(dirname(this.#path))
    const text = JSON.stringify(Object.fromEntries([...this.#seen].sort()))
    await writeDurable(this.#path, text, 0o600)
  }
}
