import { Worker } from '../lib/worker.js'
import type { Kind } from '../api/objects.js'
import type { ObjectRef } from './store.js'

/** How long after the last change the files are written: whoever edits them is not disturbed. */
const delayMs = 1000
const maxDelayMs = 10_000

/**
 * Settler asks, one after the other, for objects to be written whose files are not as the store writes them. It may fail
 * for a folder that cannot be written: such an object is read as before, only more slowly.
 */
export class Settler {
  readonly #settle: (kind: Kind, ref: ObjectRef) => Promise<void>
  readonly #waiting = new Map<string, { kind: Kind; ref: ObjectRef }>()
  readonly #worker: Worker
  #isClosed = false

  constructor(settle: (kind: Kind, ref: ObjectRef) => Promise<void>) {
    this.#settle = settle
    const options = { delayMs, maxDelayMs, unref: true, onError: () => undefined }
    this.#worker = new Worker(() => this.#run(), options)
  }

  readonly add = (kind: Kind, ref: ObjectRef): void => {
    this.#waiting.set(`${kind} ${ref.namespace}/${ref.name}`, { kind, ref })
    this.#worker.request()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#worker.close()
  }

  async #run(): Promise<void> {
    for (const [key, { kind, ref }] of this.#waiting) {
      if (this.#isClosed) return
      this.#waiting.delete(key)
      await this.#settle(kind, ref).catch(() => undefined)
    }
  }
}
