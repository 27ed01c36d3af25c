import type { ServerResponse } from 'node:http'
import { SeccoError } from '../../src/lib/errors.js'
import type { Identity } from './rights.js'
import type { Sessions } from './sessions.js'

/** Event streams of one person: whoever could open all that a hub serves would keep everybody else out. */
const mostOfOne = 50
const checkMs = 5000
/** How long a stream goes on whose person asks so much that nothing more is asked for them: nobody keeps a right that way. */
const uncheckedMs = 30_000

/** Sender is who a request is from. */
interface Sender {
  identity: Identity | undefined
  sessionId: string | undefined
}

interface OpenStream {
  identity: Identity | undefined
  user: string
  /** Undefined: no session opened it. */
  session: string | undefined
  /** Rejects with FORBIDDEN or UNAUTHENTICATED when its person may not follow it any more. */
  check: () => Promise<unknown>
  response: ServerResponse
  /** When it was checked last. */
  checkedAt: number
}

const isRejection = (error: unknown): boolean =>
  error instanceof SeccoError && ['FORBIDDEN', 'UNAUTHENTICATED'].includes(error.code)

/** Ends a stream. Who is behind is disconnected: an end would wait until all was read, perhaps forever. */
function endStream(response: ServerResponse): void {
  if (response.writableLength > 0) response.destroy()
  else response.end()
}

/** OpenStreams knows the event streams of all people: it limits those of one, and ends those whose right is over. */
export class OpenStreams {
  readonly #sessions: Pick<Sessions, 'isOpen'>
  readonly #open = new Set<OpenStream>()
  readonly #timer: NodeJS.Timeout
  readonly #now: () => number
  #isChecking = false

  constructor(sessions: Pick<Sessions, 'isOpen'>, now: () => number = () => performance.now()) {
    this.#sessions = sessions
    this.#now = now
    this.#timer = setInterval(() => void this.#checkAgain(), checkMs)
    this.#timer.unref()
  }

  /**
   * Takes a stream before its answer begins.
   * @param check rejects with FORBIDDEN when the person may not follow it any more
   * @throws SeccoError UNAVAILABLE when the person has too many
   */
  add(
    { identity, sessionId }: Sender,
    { raw }: { raw: ServerResponse },
    check: () => Promise<unknown> = () => Promise.resolve()
  ): void {
    const user = identity?.user ?? ''
    const own = [...this.#open].filter((one) => one.user === user)
    if (own.length >= mostOfOne) {
      const hint = 'close pages and commands that follow events'
      const message = `${user} follows ${mostOfOne} event streams already`
      throw new SeccoError('UNAVAILABLE', message, { hint })
    }
    const checkedAt = this.#now()
    const stream = { identity, user, session: sessionId, check, response: raw, checkedAt }
    this.#open.add(stream)
    raw.once('close', () => this.#open.delete(stream))
    // The client may have left while its rights were checked.
    if (raw.destroyed) this.#open.delete(stream)
  }

  /** Ends the streams whose session or token is over, or whose person lost the right. */
  async check(): Promise<void> {
    for (const one of [...this.#open]) if (!(await this.#mayGoOn(one))) endStream(one.response)
  }

  /** A check that waits for the API server is not started again beside it. */
  async #checkAgain(): Promise<void> {
    if (this.#isChecking) return
    this.#isChecking = true
    try {
      await this.check()
    } finally {
      this.#isChecking = false
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #mayGoOn(stream: OpenStream): Promise<boolean> {
    const { identity, session, check } = stream
    if (session !== undefined && !this.#sessions.isOpen(session)) return false
    try {
      await identity?.mustBeValid?.()
      await check()
      stream.checkedAt = this.#now()
      return true
    } catch (error) {
      if (error instanceof SeccoError && error.retryAfter !== undefined)
        return this.#now() - stream.checkedAt < uncheckedMs
      // An API server that does not answer now has not taken a right away.
      return !isRejection(error)
    }
  }
}
