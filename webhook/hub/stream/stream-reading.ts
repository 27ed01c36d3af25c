import type { Call } from './stream-service.js'

/** StreamReading pauses the reading of a stream; HTTP/2 flow control passes this on to the satellite. */
export class StreamReading {
  readonly #call: Pick<Call, 'pause' | 'resume'>
  /** Called before the stream is read again: the satellite was not silent meanwhile. */
  readonly #resumes: () => void
  #timer: NodeJS.Timeout | undefined
  #isHeld = false

  constructor(call: Pick<Call, 'pause' | 'resume'>, resumes: () => void) {
    this.#call = call
    this.#resumes = resumes
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Reads nothing for some time. */
  rest(ms: number): void {
    this.#call.pause()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#resume()
    }, ms)
  }

  /** Reads nothing until `release`. */
  readonly hold = (): void => {
    this.#isHeld = true
    this.#call.pause()
  }

  readonly release = (): void => {
    this.#isHeld = false
    this.#resume()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#isHeld = true
  }

  #resume(): void {
    if (this.#isHeld || this.#timer !== undefined) return
    this.#resumes()
    this.#call.resume()
  }
}
