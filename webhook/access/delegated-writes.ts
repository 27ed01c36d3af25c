import type { AnyObject } from '../../src/api/objects.js'
import { SeccoError } from '../../src/lib/errors.js'

/** How long a person's program may take for one write. */
const writeMs = 20_000
/** Changes that wait, in total and of one user. */
const limits = { total: 256, ofUser: 16 }

interface Waiting {
  object?: AnyObject
  settle?: (error: SeccoError | undefined) => void
  /** Wakes the program that waits for a write. */
  wake?: () => void
}

/**
 * DelegatedWrites lets people without a token change objects through the hub: the hub works out the change, and the person's own
 * program writes it, with whatever proves the person to the API server. A change has an id that the program chose.
 */
export class DelegatedWrites {
  readonly #waiting = new Map<string, Waiting>()

  /** Asks the program to write an object, and waits until it says that it has. @throws SeccoError of the program, UNAVAILABLE */
  async ask(user: string, id: string, object: AnyObject): Promise<void> {
    const entry = this.#entry(user, id)
    let timer: NodeJS.Timeout | undefined
    try {
      const error = await new Promise<SeccoError | undefined>((resolve) => {
        Object.assign(entry, { object, settle: resolve })
        const late = new SeccoError('UNAVAILABLE', 'the command did not write the change in time')
        timer = setTimeout(() => resolve(late), writeMs)
        entry.wake?.()
      })
      if (error !== undefined) throw error
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(keyOf(user, id))
    }
  }

  /** Returns the object to write; undefined: none within the time. */
  async next(user: string, id: string, ms: number): Promise<AnyObject | undefined> {
    const entry = this.#entry(user, id)
    if (entry.object === undefined) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        entry.wake = resolve
        timer = setTimeout(resolve, ms)
      })
      clearTimeout(timer)
    }
    const { object } = entry
    // It is handed out once; after that the change waits for what became of it.
    delete entry.object
    if (entry.settle === undefined) this.#waiting.delete(keyOf(user, id))
    return object
  }

  /** Notes that the object is written, or why not. Returns false when nothing waits for that. */
  settle(user: string, id: string, error: SeccoError | undefined): boolean {
    const settle = this.#waiting.get(keyOf(user, id))?.settle
    settle?.(error)
    return settle !== undefined
  }

  #entry(user: string, id: string): Waiting {
    const key = keyOf(user, id)
    const known = this.#waiting.get(key)
    if (known !== undefined) return known
    const own = [...this.#waiting.keys()].filter((one) => one.startsWith(prefixOf(user)))
    if (this.#waiting.size >= limits.total || own.length >= limits.ofUser) {
      throw new SeccoError('UNAVAILABLE', 'too many changes wait for their writers already')
    }
    const entry: Waiting = {}
    this.#waiting.set(key, entry)
    return entry
  }
}

const prefixOf = (user: string): string => `${JSON.stringify(user)} `
const keyOf = (user: string, id: string): string => `${prefixOf(user)}${id}`
