import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Revision } from '../../src/api/gen/hub.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { ensureFolder, writeDurable } from '../../src/lib/durable-file.js'

/** How far this node has come with one profile. */
interface Seen {
  createdAt: string
  generation: number
}

/** The newest approval that this node has seen of each profile: an older one does not come back. */
export interface Generations {
  /** @throws SeccoError OLDER_GENERATION */
  check(revision: Revision): void
  /** It was installed. Written soon: many at once are one write. */
  note(revision: Revision): void
  /** Resolves when everything noted is durable, or could not be written and that was said. */
  flush(): Promise<void>
}

const mostProfiles = 50_000
const collectMs = 500

function isSeen(value: unknown): value is Seen {
  const { createdAt, generation } = (value ?? {}) as Partial<Record<keyof Seen, unknown>>
  return typeof createdAt === 'string' && Number.isSafeInteger(generation)
}

async function load(path: string, logger: Logger): Promise<Map<string, Seen>> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return new Map()
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>)
    return new Map(entries.filter((entry): entry is [string, Seen] => isSeen(entry[1])))
  } catch {
    logger.error(
      { code: 'STORE_CORRUPT', path },
      'what this node has seen of approvals cannot be read'
    )
    return new Map()
  }
}

/** Earlier in a profile's life: made earlier, or the same object with a smaller generation. */
function isOlder(left: Seen, right: Seen): boolean {
  if (left.createdAt !== right.createdAt) return left.createdAt < right.createdAt
  return left.generation < right.generation
}

/** `<root>/secco/generations.json`, of this node alone. */
export async function openGenerations(root: string, logger: Logger): Promise<Generations> {
  const folder = join(root, 'secco')
  const path = join(folder, 'generations.json')
  const seen = await load(path, logger)
  const keyOf = ({ namespace, profile }: Revision) => `${namespace}/${profile}`
  const seenOf = ({ origin }: Revision): Seen | undefined =>
    origin === undefined || origin.generation === 0
      ? undefined
      : { createdAt: origin.createdAt, generation: origin.generation }
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()

  async function write(): Promise<void> {
    timer = undefined
    try {
      await ensureFolder(folder)
      await writeDurable(path, JSON.stringify(Object.fromEntries([...seen].sort())), 0o600)
    } catch (error) {
      logger.error({ err: error }, 'what this node has seen of approvals cannot be saved')
    }
  }

  function start(): void {
    clearTimeout(timer)
    writing = writing.then(write)
  }

  return {
    check(revision) {
      const now = seenOf(revision)
      const before = seen.get(keyOf(revision))
      // Where nothing was ever seen, and from hubs without generations, there is nothing to compare.
      if (before === undefined) return
      if (now === undefined || isOlder(now, before)) {
        const text = `approval ${now?.generation ?? 'without a generation'} came after ${before.generation}`
        throw new SeccoError('OLDER_GENERATION', `${keyOf(revision)}: ${text}`)
      }
    },
    note(revision) {
      const now = seenOf(revision)
      const key = keyOf(revision)
      const before = seen.get(key)
      if (now === undefined || (before !== undefined && !isOlder(before, now))) return
      if (before === undefined && seen.size >= mostProfiles) return
      seen.set(key, now)
      timer ??= setTimeout(start, collectMs)
    },
    async flush() {
      if (timer !== undefined) start()
      await writing
    }
  }
}
