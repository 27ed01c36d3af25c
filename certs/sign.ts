import { Worker } from 'node:worker_threads'
import type { generate } from 'selfsigned'
import { SeccoError, toSeccoError } from '../src/lib/errors.js'
import type { SigningPair } from './pair.js'

/** What a certificate is to say. Plain data: it goes to another thread. */
export interface SigningRequest {
  commonName: string
  notBefore: Date
  notAfter: Date
  extensions: NonNullable<NonNullable<Parameters<typeof generate>[1]>['extensions']>
  /** Who signs; without, it signs itself. */
  ca?: SigningPair
}

/** What the thread answers, once. */
function answerOf(worker: Worker): Promise<SigningPair> {
  return new Promise((resolve, reject) => {
    worker.on('message', resolve)
    worker.on('messageerror', reject)
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`the thread ended with ${code} and no answer`)))
  })
}

/**
 * Makes a key and its certificate, P-256 and SHA-256, on a thread of its own: the packages that can are
 * megabytes which a program would keep for weeks, for one certificate. When this comes back the thread has
 * ended, and what it had is free.
 * @throws SeccoError INTERNAL, with what went wrong there as its cause.
 */
export async function sign(request: SigningRequest): Promise<SigningPair> {
  try {
    const worker = new Worker(new URL('./sign-worker.js', import.meta.url), {
      workerData: request,
      // What this process was told to load first, or to measure, is not for that thread.
      env: {},
      execArgv: [],
      // It fills little: collected sooner, it needs five megabytes less while it lasts.
      resourceLimits: { maxYoungGenerationSizeMb: 2 }
    })
    try {
      return await answerOf(worker)
    } finally {
      // After its answer it would end by itself, and later; this waits until it has.
      await worker.terminate()
    }
  } catch (error) {
    const { message } = toSeccoError(error)
    throw new SeccoError('INTERNAL', `no certificate for ${request.commonName}: ${message}`, {
      cause: error
    })
  }
}
