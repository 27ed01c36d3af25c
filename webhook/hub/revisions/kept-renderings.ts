import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { writeDurable } from '../../../src/lib/durable-file.js'
import type { Logger } from '../../../src/lib/log.js'

/** RenderedDigests is the digests of a profile's two revisions. */
export interface RenderedDigests {
  enforce: string
  audit: string
}

const saveMs = 5000
/** Twice the profiles that a hub is made for. What a fleet that changes all the time adds pushes out the oldest. */
const mostKept = 20_000

/**
 * KeptRenderings remembers in a file which revisions a profile was rendered to, so that a hub that starts renders only
 * what has changed. Renderings of another build of Secco are not taken: it may render the same profile to other bytes.
 */
export class KeptRenderings {
  readonly #path: string
  readonly #build: string
  readonly #logger: Logger
  readonly #known: ReadonlyMap<string, RenderedDigests>
  /** What this hub asked for: the rest is of profiles that have changed since, and is not written again. */
  readonly #used = new Map<string, RenderedDigests>()
  #timer: NodeJS.Timeout | undefined
  #saving = Promise.resolve()

  private constructor(
    { path, build, logger }: { path: string; build: string; logger: Logger },
    known: ReadonlyMap<string, RenderedDigests>
  ) {
    this.#path = path
    this.#build = build
    this.#logger = logger
    this.#known = known
  }

  /** Reads the file; one that is missing, damaged or of another build is as none. */
  static async open(
    path: string,
    { build, logger }: { build: string; logger: Logger }
  ): Promise<KeptRenderings> {
    const text = await readFile(path, 'utf8').catch(() => '')
    return new KeptRenderings({ path, build, logger }, knownIn(text, build))
  }

  /** @param input everything that the rendering depends on */
  find(input: string): RenderedDigests | undefined {
    const key = keyOf(input)
    const found = this.#used.get(key) ?? this.#known.get(key)
    if (found !== undefined) this.#use(key, found)
    return found
  }

  add(input: string, digests: RenderedDigests): void {
    this.#use(keyOf(input), digests)
    this.#timer ??= setTimeout(() => void this.#save(), saveMs)
    this.#timer.unref()
  }

  async close(): Promise<void> {
    if (this.#timer !== undefined) void this.#save()
    await this.#saving
  }

  #use(key: string, digests: RenderedDigests): void {
    this.#used.delete(key)
    this.#used.set(key, digests)
    dropOldest(this.#used, mostKept)
  }

  #save(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const renderings = [...this.#used].map(([key, { enforce, audit }]) => [key, enforce, audit])
    const text = JSON.stringify({ build: this.#build, renderings })
    this.#saving = this.#saving
      .then(() => writeDurable(this.#path, text))
      .catch((err: unknown) => {
        this.#logger.warn({ err }, 'renderings not kept: the next start renders every profile')
      })
    return this.#saving
  }
}

const keyOf = (input: string): string =>
  createHash('sha256').update(input).digest('base64url').slice(0, 22)

function knownIn(text: string, build: string): Map<string, RenderedDigests> {
  const known = new Map<string, RenderedDigests>()
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch {
    return known
  }
  const { build: of, renderings } = (content ?? {}) as Record<string, unknown>
  if (of !== build) return known
  for (const entry of Array.isArray(renderings) ? (renderings as unknown[]) : []) {
    const [key, enforce, audit] = Array.isArray(entry) ? (entry as unknown[]) : []
    if (typeof key === 'string' && typeof enforce === 'string' && typeof audit === 'string')
      known.set(key, { enforce, audit })
  }
  return known
}
