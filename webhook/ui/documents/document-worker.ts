import { parentPort } from 'node:worker_threads'
import { type ErrorCode, toSeccoError } from '../../../src/lib/errors.js'
import { type Readers, readers } from './documents.js'

/** This module is the thread of DocumentReader: it reads one document after the other. */

export type DocumentRequest = {
  [Kind in keyof Readers]: { kind: Kind; input: Parameters<Readers[Kind]>[0] }
}[keyof Readers]

/** The value is JSON: a hundred thousand values arrive sooner as one text than as objects. */
export type DocumentAnswer =
  | { value: string }
  | { code: ErrorCode; message: string; hint: string; field: string | undefined }

function read(request: DocumentRequest): unknown {
  switch (request.kind) {
    case 'pods':
      return readers.pods(request.input)
    case 'profile':
      return readers.profile(request.input)
    case 'imports':
      return readers.imports(request.input)
  }
}

function answer(request: DocumentRequest): DocumentAnswer {
  try {
    return { value: JSON.stringify(read(request)) }
  } catch (error) {
    const { code, message, hint, field } = toSeccoError(error)
    return { code, message, hint, field }
  }
}

parentPort?.on('message', (request: DocumentRequest) => parentPort?.postMessage(answer(request)))
