import { readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import type { RecordingGap } from '../../src/api/gen/hub.js'
import { mostGaps } from '../../src/history/recording-gap.js'
import { errnoOf } from '../../src/lib/durable-file.js'
import type { Logger } from '../../src/lib/log.js'
import { Worker } from '../../src/lib/worker.js'

/** How often the file says that the recorder is still attached. Where nothing is pinned, its end is the recorder's end. */
const everyMs = { pinned: 10_000, unpinned: 1000 }

interface SavedGaps {
  boot: string
  gaps: RecordingGap[]
}

interface RecordingGapsOptions {
  /** A file that outlives this process. Its time of change is when a recorder was last known to be attached. */
  path: string
  /** Containers do not survive a boot: what was before it is no gap. */
  bootId: string
  logger: Logger
  now?: () => number
}

function isGap(value: unknown): value is RecordingGap {
  const { from, to } = (value ?? {}) as Record<string, unknown>
  return typeof from === 'string' && typeof to === 'string'
}

/** Returns what was saved; undefined when it cannot be read. */
function savedIn(text: string): SavedGaps | undefined {
  let value: Partial<SavedGaps> | null
  try {
    value = JSON.parse(text) as Partial<SavedGaps> | null
  } catch {
    return undefined
  }
  if (typeof value?.boot !== 'string' || !Array.isArray(value.gaps)) return undefined
  return { boot: value.boot, gaps: value.gaps.filter(isGap) }
}

/**
 * RecordingGaps knows when nothing was recorded on this node: between the last time at which a recorder was known to be
 * attached and the time at which the next one was. A pinned recorder that was adopted leaves no gap.
 */
export class RecordingGaps {
  readonly #options: RecordingGapsOptions
  readonly #now: () => number
  #gaps: readonly RecordingGap[] = []
  /** When an earlier recorder of this boot was last known to be attached, in ms. */
  #until: number | undefined
  #beat: Worker | undefined

  constructor(options: RecordingGapsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    const { path, bootId, logger } = options
    try {
      const saved = savedIn(readFileSync(path, 'utf8'))
      if (saved !== undefined && saved.boot !== bootId) return
      this.#until = statSync(path).mtimeMs
      if (saved === undefined) this.#setAside()
      else this.#gaps = saved.gaps
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') logger.warn({ err: error }, 'earlier recording is not known')
    }
  }

  /** Gaps of this boot, oldest first. */
  list(): RecordingGap[] {
    return [...this.#gaps]
  }

  /** Called once, when the recorder is attached. @param adopted it was attached all the time */
  attached({ adopted, pinned }: { adopted: boolean; pinned: boolean }): void {
    const at = this.#now()
    if (this.#until !== undefined && !adopted && this.#until < at) {
      const gap = { from: new Date(this.#until).toISOString(), to: new Date(at).toISOString() }
      this.#gaps = [...this.#gaps, gap].slice(-mostGaps)
      this.#options.logger.warn(gap, 'calls in between were not recorded')
    }
    this.#save()
    this.#beat = new Worker(() => this.#touch(), {
      everyMs: pinned ? everyMs.pinned : everyMs.unpinned,
      unref: true,
      onError: (error) => this.#options.logger.warn({ err: error }, 'end of recording not noted')
    })
  }

  /** Called when the recorder ends or goes on without this process. */
  async close(): Promise<void> {
    if (this.#beat === undefined) return
    await this.#beat.close()
    try {
      this.#touch()
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'end of recording not noted')
    }
  }

  /** Earlier gaps are not known then, but since when nothing was recorded is: by the file's time. */
  #setAside(): void {
    const { path, logger } = this.#options
    const kept = `${path}.unreadable`
    renameSync(path, kept)
    logger.error({ code: 'STORE_CORRUPT', path, kept }, 'earlier gaps of recording are not known')
  }

  #touch(): void {
    const seconds = this.#now() / 1000
    utimesSync(this.#options.path, seconds, seconds)
  }

  /** Only a boot loses what is not synced, and after it nothing of this is needed. */
  #save(): void {
    const { path, bootId, logger } = this.#options
    const saved: SavedGaps = { boot: bootId, gaps: [...this.#gaps] }
    try {
      writeFileSync(`${path}.tmp`, JSON.stringify(saved), { mode: 0o600 })
      renameSync(`${path}.tmp`, path)
      this.#touch()
    } catch (error) {
      logger.warn({ err: error }, 'gaps of recording could not be saved')
    }
  }
}
