import { Worker } from 'node:worker_threads'
import { SeccoError } from '../../src/lib/errors.js'
import { alwaysRead } from './body-budget.js'
import { type BodyText, bodyText } from './parse-body.js'
import type { ReadAnswer, ReadRequest } from './review-worker.js'

interface Waiting {
  resolve: (text: BodyText) => void
  reject: (error: unknown) => void
}

/** ReviewReader reads bodies as text, long ones in a thread of its own, so that they do not delay other reviews. */
export interface ReviewReader {
  /**
   * Takes the body over: a long one is no longer there afterwards.
   * @throws SeccoError INVALID_REVIEW, TOO_LARGE
   */
  read(body: Buffer<ArrayBuffer>): BodyText | Promise<BodyText>
  close(): Promise<void>
}

class ThreadedReviewReader implements ReviewReader {
  #worker: Worker | undefined
  #waiting = new Map<number, Waiting>()
  #last = 0

  read(body: Buffer<ArrayBuffer>): BodyText | Promise<BodyText> {
    if (body.length <= alwaysRead) return bodyText(body)
    const worker = (this.#worker ??= this.#start())
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      const request: ReadRequest = { id, body }
      worker.postMessage(request, [body.buffer])
    })
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./review-worker.js', import.meta.url))
    worker.on('message', (answer: ReadAnswer) => this.#settle(answer))
    const fail = (cause: unknown): void => this.#fail(worker, cause)
    worker.on('error', fail)
    worker.on('exit', fail)
    worker.unref()
    return worker
  }

  #settle(answer: ReadAnswer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('text' in answer) waiting?.resolve(answer.text)
    else waiting?.reject(new SeccoError(answer.code, answer.message))
  }

  /** The next long body starts another thread. A thread that failed also exits, maybe after the other one has begun. */
  #fail(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const failed = [...this.#waiting.values()]
    this.#waiting.clear()
    const error = new SeccoError('INTERNAL', 'the thread that reads reviews ended', { cause })
    for (const { reject } of failed) reject(error)
  }
}

/** Creates a reader; its thread starts with the first long body. */
export function createReviewReader(): ReviewReader {
  return new ThreadedReviewReader()
}
