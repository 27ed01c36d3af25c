import { Worker } from 'node:worker_threads'
import { SeccoError } from '../../../src/lib/errors.js'
import type { DocumentAnswer, DocumentRequest } from './document-worker.js'
import type { Readers } from './documents.js'

/** The longest import that is accepted takes 10 s on a slow machine; what is pasted takes one. */
const mostMs = 20_000
/** Without a document for this long, the thread ends and its memory is free. */
const idleMs = 30_000
/** The most documents that wait. */
const mostWaiting = 16

type Input<Kind extends keyof Readers> = Parameters<Readers[Kind]>[0]
type Output<Kind extends keyof Readers> = ReturnType<Readers[Kind]>

/**
 * DocumentReader reads documents that people paste or upload, in a thread of its own: a parser of YAML takes milliseconds
 * for each KiB, and the event loop serves nodes meanwhile.
 */
export interface DocumentReader {
  /** @throws SeccoError what the reader throws; UNAVAILABLE, TOO_LARGE. */
  read<Kind extends keyof Readers>(kind: Kind, input: Input<Kind>): Promise<Output<Kind>>
  close(): Promise<void>
}

/** Waits for the thread's next answer. */
function answerOf(worker: Worker): Promise<DocumentAnswer> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      const isFull = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      settle(() =>
        reject(isFull ? new SeccoError('TOO_LARGE', 'the document: needs too much memory') : error)
      )
    }
    const onMessage = (answer: DocumentAnswer) => settle(() => resolve(answer))
    const onExit = () => settle(() => reject(new Error('the thread of documents ended')))
    const timer = setTimeout(() => {
      const message = `the document: takes longer than ${mostMs} ms`
      settle(() => reject(new SeccoError('TOO_LARGE', message)))
    }, mostMs)
    function settle(run: () => void): void {
      clearTimeout(timer)
      worker.off('message', onMessage).off('error', onError).off('exit', onExit)
      run()
    }
    worker.on('message', onMessage).on('error', onError).on('exit', onExit)
  })
}

class ThreadedDocumentReader implements DocumentReader {
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  read<Kind extends keyof Readers>(kind: Kind, input: Input<Kind>): Promise<Output<Kind>> {
    if (this.#waiting >= mostWaiting) {
      const message = `${mostWaiting} documents are being read already`
      return Promise.reject(new SeccoError('UNAVAILABLE', message, { hint: 'try again later' }))
    }
    this.#waiting += 1
    const result = this.#last
      // The document before this one may have failed.
      .catch(() => undefined)
      .then(() => this.#ask({ kind, input } as DocumentRequest))
      .finally(() => (this.#waiting -= 1))
    this.#last = result
    return result as Promise<Output<Kind>>
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#end()
  }

  async #ask(request: DocumentRequest): Promise<unknown> {
    if (this.#closed) throw new SeccoError('UNAVAILABLE', 'the server of pages is closing')
    clearTimeout(this.#idle)
    const worker = (this.#worker ??= startThread())
    const answered = answerOf(worker)
    worker.postMessage(request)
    let answer: DocumentAnswer
    try {
      answer = await answered
    } catch (error) {
      // A thread that failed, or still reads, is of no use to the next document.
      await this.#end()
      throw error
    }
    this.#idle = setTimeout(() => void this.#end(), idleMs).unref()
    if ('value' in answer) return JSON.parse(answer.value)
    const { code, message, hint, field } = answer
    throw new SeccoError(code, message, { hint, ...(field === undefined ? {} : { field }) })
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle)
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }
}

function startThread(): Worker {
  const worker = new Worker(new URL('./document-worker.js', import.meta.url), {
    // Modules that this process preloads, and options to measure it, are not for the thread.
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 512 }
  })
  worker.unref()
  return worker
}

/** Creates a reader; its thread starts with the first document. */
export function createDocumentReader(): DocumentReader {
  return new ThreadedDocumentReader()
}
