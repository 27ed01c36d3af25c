import type { IncomingMessage } from 'node:http'
import { SeccoError } from '../../src/lib/errors.js'
import { bodyLimit } from './parse-body.js'

const firstSize = 64 * 1024

/** BodyBuffer collects a body in memory of its own, so that it can be transferred to another thread without a copy. */
class BodyBuffer {
  #bytes: Buffer<ArrayBuffer>
  #length = 0

  constructor(expected: number) {
    this.#bytes = Buffer.allocUnsafeSlow(expected)
  }

  add(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(
        Math.min(bodyLimit, Math.max(length, 2 * this.#bytes.length))
      )
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    chunk.copy(this.#bytes, this.#length)
    this.#length = length
  }

  get length(): number {
    return this.#length
  }

  take(): Buffer<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }
}

function tooLarge(): SeccoError {
  return new SeccoError('TOO_LARGE', `the body: must have at most ${bodyLimit} bytes`)
}

/**
 * Reads the body of a request. Each chunk is copied when it comes, so that a long body never blocks the event loop.
 * @throws SeccoError TOO_LARGE, INVALID_REVIEW when the request ends early.
 */
export function readBody(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const announced = Number(request.headers['content-length'] ?? firstSize)
  if (announced > bodyLimit) return Promise.reject(tooLarge())
  const body = new BodyBuffer(announced)
  return new Promise((resolve, reject) => {
    let problem: SeccoError | undefined
    request.on('data', (chunk: Buffer) => {
      if (body.length + chunk.length <= bodyLimit) body.add(chunk)
      else reject((problem ??= tooLarge()))
    })
    request.on('end', () => resolve(body.take()))
    request.on('error', reject)
    request.on('close', () => {
      if (request.readableEnded) return
      reject(new SeccoError('INVALID_REVIEW', 'the request could not be read'))
    })
  })
}
