import { Worker } from 'node:worker_threads'
import type { generate } from 'selfsigned'
import { SeccoError, toSeccoError } from '../src/lib/errors.js'
import type { SigningPair } from './pair.js'

/** The content of a certificate. Plain data, because it is sent to another thread. */
export interface SigningRequest {
  commonName: string
  notBefore: Date
  notAfter: Date
  extensions: NonNullable<NonNullable<Parameters<typeof generate>[1]>['extensions']>
  /** The authority that signs it; default: self-signed. */
  ca?: SigningPair
}

/** Waits for the thread's one answer. */
function answerOf(worker: Worker): Promise<SigningPair> {
  return new Promise((resolve, reject) => {
    worker.on('message', resolve)
    worker.on('messageerror', reject)
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`the thread ended with ${code} and no answer`)))
  })
}

/**
 * Makes a key and its certificate, P-256 and SHA-256, in a separate thread: the packages for that take megabytes,
 * which a program would keep for weeks for one certificate. When this resolves, the thread has ended and its memory
 * is free.
 * @throws SeccoError INTERNAL, with the thread's error as its cause.
 */
export async function sign(request: SigningRequest): Promise<SigningPair> {
  try {
    const worker = new Worker(new URL('./sign-worker.js', import.meta.url), {
      workerData: request,
      // Modules that this process preloads, and options to measure it, are not for that thread.
      env: {},
      execArgv: [],
      // With a small young generation, the thread needs five megabytes less while it runs.
      resourceLimits: { maxYoungGenerationSizeMb: 2 }
    })
    try {
      return await answerOf(worker)
    } finally {
      // The thread would end by itself after its answer; this waits until it has.
      await worker.terminate()
    }
  } catch (error) {
    const { message } = toSeccoError(error)
    throw new SeccoError('INTERNAL', `no certificate for ${request.commonName}: ${message}`, {
      cause: error
    })
  }
}
