import { parentPort } from 'node:worker_threads'
import { toSeccoError } from '../../src/lib/errors.js'
import { type BodyText, bodyText } from './parse-body.js'

/** This module is the thread of ReviewReader: it reduces long bodies to the text that a decision reads. */

export interface ReadRequest {
  id: number
  body: Uint8Array
}

export type ReadAnswer =
  | { id: number; text: BodyText }
  | { id: number; code: ReturnType<typeof toSeccoError>['code']; message: string }

function answer({ id, body }: ReadRequest): ReadAnswer {
  try {
    return { id, text: bodyText(Buffer.from(body.buffer, body.byteOffset, body.byteLength)) }
  } catch (error) {
    const { code, message } = toSeccoError(error)
    return { id, code, message }
  }
}

parentPort?.on('message', (request: ReadRequest) => parentPort?.postMessage(answer(request)))
