import type { FastifyError } from 'fastify'
import { type ErrorCode, httpStatusOf, SeccoError, toSeccoError } from '../../src/lib/errors.js'

interface Failure {
  error: SeccoError
  status: number
}

/** Errors of Fastify whose status differs from the one of their code in the table. */
const byCode: Readonly<Record<string, { code: ErrorCode; status: number; message: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'TOO_LARGE', status: 413, message: 'the body is too large' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'INVALID_ARGUMENT',
    status: 415,
    message: 'content-type: must be application/json'
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: {
    code: 'INVALID_ARGUMENT',
    status: 400,
    message: 'the body is empty; JSON is expected'
  }
}

/** Returns the header that says when to try again, for errors that have that. */
export function retryOf({ retryAfter }: SeccoError): { 'retry-after'?: number } {
  return retryAfter === undefined ? {} : { 'retry-after': retryAfter }
}

/** Returns the error and the status for whatever a request ended with. */
export function failureOf(error: unknown): Failure {
  if (error instanceof SeccoError) return { error, status: httpStatusOf(error) }
  const { code = '', statusCode, message, validation } = error as Partial<FastifyError>
  const known = byCode[code]
  if (known !== undefined) {
    return { error: new SeccoError(known.code, known.message), status: known.status }
  }
  if (statusCode === 429) {
    const hint = 'wait a minute, then try again'
    return { error: new SeccoError('UNAVAILABLE', 'too many requests', { hint }), status: 429 }
  }
  if (validation !== undefined || (statusCode !== undefined && statusCode < 500)) {
    return {
      error: new SeccoError('INVALID_ARGUMENT', message ?? 'the request could not be read', {
        hint: 'see /openapi.json for what is accepted'
      }),
      status: statusCode ?? 400
    }
  }
  return { error: toSeccoError(error), status: 500 }
}
