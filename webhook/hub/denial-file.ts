import { readFile, rename } from 'node:fs/promises'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { isTime } from '../../src/history/times.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { asideSuffix, errnoOf, writeDurable } from '../../src/lib/durable-file.js'
import type { SavedDenials } from './denials/denial-sums.js'

const Text = Type.String({ maxLength: 65_536 })
const Count = Type.Integer({ minimum: 0 })
const texts = [
  ...(['key', 'node', 'namespace', 'workload', 'profile', 'container', 'containerName'] as const),
  ...(['pod', 'instance', 'revision', 'syscall', 'abi', 'arguments', 'action', 'answer'] as const),
  ...(['signal', 'comm', 'firstSeen', 'lastSeen', 'at'] as const)
]
const counts = ['errno', 'pid', 'count', 'succeeded'] as const

function membersOf<Name extends string, Schema>(names: readonly Name[], schema: Schema) {
  return Object.fromEntries(names.map((name) => [name, schema])) as Record<Name, Schema>
}

const saved = Compile(
  Type.Object({
    since: Type.Refine(Type.String(), isTime),
    rows: Type.Array(
      Type.Object({
        ...membersOf(texts, Text),
        ...membersOf(counts, Count),
        expected: Type.Boolean(),
        ended: Type.Optional(Text),
        deleted: Type.Optional(Text)
      })
    ),
    runs: Type.Record(Type.String(), Text)
  })
)

/**
 * Loads the denials that a hub knew before it was restarted. A file that cannot be read is set aside: what is known begins
 * now, and answers report that.
 */
export async function loadDenials(path: string, logger: Logger): Promise<SavedDenials | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (!saved.Check(value)) throw new Error('is not a record of denials')
    return value
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') {
      const reason = error instanceof Error ? error.message : String(error)
      const aside = path + asideSuffix
      const kept = await rename(path, aside).then(
        () => aside,
        () => undefined
      )
      const facts = { code: 'STORE_CORRUPT', where: path, reason, kept }
      logger.warn(facts, 'earlier denials are not known')
    }
    return undefined
  }
}

/** DenialSaver writes the denials next to the revisions, so that a restart of the hub loses none. */
export interface DenialSaver {
  /** Schedules a write after a change. */
  readonly changed: () => void
  /** Resolves after an attempt to write all changes so far. */
  readonly settled: () => Promise<void>
  /** Writes pending changes at once. */
  flush(): Promise<void>
  /** Writes every change at once from now on: a program that ends waits until its last reports are durable. */
  hurry(): Promise<void>
  /** Flushes, and writes nothing after that. */
  close(): Promise<void>
}

/** A write of all rows takes at most this share of the time. */
const share = 20

/**
 * Creates a saver.
 * @param waitMs least time from one write to the next; it grows where writes are slow. A later change is written at once
 */
export function createDenialSaver(
  path: string,
  denials: () => SavedDenials,
  waitMs: number,
  logger: Logger
): DenialSaver {
  let timer: NodeJS.Timeout | undefined
  /** No write begins before this time of performance.now(). */
  let restsUntil = 0
  let isHurried = false
  let isClosed = false
  /** The write that has not begun yet. */
  let next: { promise: Promise<void>; resolve: () => void } | undefined
  let running: Promise<void> = Promise.resolve()

  async function write(): Promise<void> {
    const done = next
    if (done === undefined) return
    next = undefined
    const began = performance.now()
    restsUntil = began + waitMs
    try {
      await writeDurable(path, JSON.stringify(denials()))
      const ended = performance.now()
      restsUntil = ended + Math.max(waitMs, share * (ended - began))
    } catch (thrown) {
      const { code, message } = toSeccoError(thrown)
      logger.error({ code, reason: message }, 'denials not saved')
      changed()
    }
    done.resolve()
  }

  function start(): void {
    running = running.then(write)
  }

  function changed(): void {
    if (isClosed || next !== undefined) return
    next = withResolvers()
    const rest = isHurried ? 0 : restsUntil - performance.now()
    timer = setTimeout(start, Math.max(0, rest))
  }

  async function flush(): Promise<void> {
    clearTimeout(timer)
    if (next !== undefined) start()
    await running
  }

  return {
    changed,
    async settled() {
      await (next?.promise ?? running)
    },
    flush,
    hurry() {
      isHurried = true
      return flush()
    },
    close() {
      isClosed = true
      return flush()
    }
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}
