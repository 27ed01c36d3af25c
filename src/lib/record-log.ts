/**
 * A file of records, one on a line, to which changes are appended: what is saved costs what has changed, however much the
 * file holds. Each line begins with a checksum. A line that cannot be read loses its own record and nothing else.
 */
import { open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { appendDurable, errnoOf, keepUnreadable, writeDurable } from './durable-file.js'
import { toSeccoError } from './errors.js'
import { inParts } from './in-parts.js'
import type { Logger } from './log.js'
import { Worker } from './worker.js'

/** RecordSource has the records that a log keeps. */
interface RecordSource {
  /** Returns the records of what has changed since the last call of either function. */
  changes(): Iterable<object>
  /** Returns the records of everything. */
  all(): Iterable<object>
}

interface RecordLogOptions {
  path: string
  /** What the records are, in a log line: `nodes`. */
  what: string
  source: RecordSource
  /** Least time from one write to the next, in ms; a later change is written at once. */
  waitMs: number
  logger: Logger
  /** Called after the file was written as a whole. */
  rewritten?: () => Promise<void>
}

/** A log that has grown by this and to twice its size is written again, without what is outdated. */
const leastGrowth = 1 << 20
/** Unreadable lines that are logged one by one. */
const mostLogged = 20

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0')

/** Returns a record as a line. */
export function recordLine(record: object): string {
  // Readers of lines end one at these, too.
  const text = JSON.stringify(record).replace(
    /[\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16)}`
  )
  return `${checksum(text)} ${text}\n`
}

function* linesOf(records: Iterable<object>): Iterable<string> {
  for (const record of records) yield recordLine(record)
}

function parseLine(line: string): unknown {
  const text = line.slice(9)
  if (line[8] !== ' ' || checksum(text) !== line.slice(0, 8)) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** Returns the first name in a line that cannot be read, for people who look for what is lost. */
const nameIn = (line: string): string | undefined =>
  /"(?:node|gone|row|workload)":"([^"\\]{1,253})"/.exec(line)?.[1]

function isTaken(record: unknown, take: (record: unknown) => boolean): boolean {
  try {
    return take(record)
  } catch {
    return false
  }
}

/**
 * Reads a log, the oldest record first. What cannot be read is logged by line and name, and the file is kept aside.
 * Returns false when there is no file.
 * @param take returns false for a record that is none of its kind
 */
export async function readRecords(
  path: string,
  logger: Logger,
  take: (record: unknown) => boolean
): Promise<boolean> {
  let [at, lost] = [0, 0]
  const lose = (reason: string, name?: string): void => {
    lost += 1
    if (lost > mostLogged) return
    const facts = { code: 'STORE_CORRUPT', where: path, line: at, reason }
    logger.warn({ ...facts, ...(name === undefined ? {} : { name }) }, 'record is lost')
  }
  try {
    const file = await open(path)
    for await (const line of file.readLines()) {
      at += 1
      const record = parseLine(line)
      if (record === undefined) lose('the checksum is of another text', nameIn(line))
      else if (!isTaken(record, take)) lose('is no record of this file', nameIn(line))
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    at += 1
    lose(error instanceof Error ? error.message : String(error))
  }
  if (lost > 0) {
    const kept = await keepUnreadable(path)
    logger.warn({ code: 'STORE_CORRUPT', where: path, lost, kept }, 'records are lost')
  }
  return true
}

interface Attempt {
  promise: Promise<void>
  resolve: () => void
}

function newAttempt(): Attempt {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}

/** RecordLog saves records. The first write writes the whole file again: its end may be what a crash has left. */
export class RecordLog {
  readonly #options: RecordLogOptions
  readonly #worker: Worker
  /** The write that has not begun yet. */
  #next: Attempt | undefined
  /** No write begins before this time of performance.now(). */
  #restsUntil = 0
  #size = 0
  /** The size up to which changes are appended; 0: the next write writes the whole file again. */
  #limit = 0

  constructor(options: RecordLogOptions) {
    const { waitMs, what, logger } = options
    this.#options = options
    this.#worker = new Worker(() => this.#attempt(), {
      retry: { firstMs: Math.max(waitMs, 100), mostMs: 30_000 },
      onError: (thrown) => {
        const { code, message: reason } = toSeccoError(thrown)
        logger.error({ code, reason }, `${what} not saved`)
      }
    })
  }

  /** Asks for a write after a change. */
  readonly changed = (): void => {
    this.#next ??= newAttempt()
    this.#worker.request(Math.max(0, this.#restsUntil - performance.now()))
  }

  /** Resolves after an attempt to write what has changed until now. */
  readonly settled = async (): Promise<void> => {
    await (this.#next?.promise ?? this.#worker.settled())
  }

  /** Writes what was changed, if that was asked for. */
  flush(): Promise<void> {
    return this.#worker.flush()
  }

  /** Flushes, and writes nothing after that. */
  async close(): Promise<void> {
    await this.#worker.flush()
    await this.#worker.close()
  }

  async #attempt(): Promise<void> {
    const done = this.#next
    this.#next = undefined
    this.#restsUntil = performance.now() + this.#options.waitMs
    try {
      await this.#write()
    } finally {
      done?.resolve()
    }
  }

  async #write(): Promise<void> {
    const { path, source } = this.#options
    if (this.#size >= this.#limit) {
      await this.#rewrite()
      return
    }
    // A part of the lines may be in the file after an error: then it is written again.
    const limit = this.#limit
    this.#limit = 0
    await appendDurable(path, this.#lines(source.changes()))
    this.#limit = limit
  }

  async #rewrite(): Promise<void> {
    const { path, source, rewritten } = this.#options
    this.#size = 0
    this.#limit = 0
    // What changes from now on is appended later.
    source.changes()
    await writeDurable(path, this.#lines(source.all()))
    this.#limit = 2 * this.#size + leastGrowth
    await rewritten?.()
  }

  async *#lines(records: Iterable<object>): AsyncIterable<string> {
    for await (const part of inParts(linesOf(records))) {
      this.#size += part.length
      yield part
    }
  }
}
