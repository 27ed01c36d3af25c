import type { FastifyError } from 'fastify'
import { FewLines } from '../src/lib/few-lines.js'
import { httpStatusOf, SeccoError, toSeccoError } from '../src/lib/errors.js'
import type { Logger } from '../src/lib/log.js'
import { bodyLimit } from './admission/parse-body.js'

/** Returns the HTTP status and the error for a request that failed; Fastify's own errors included. */
export function failureOf(error: unknown): { status: number; failure: SeccoError } {
  if (error instanceof SeccoError) return { status: httpStatusOf(error), failure: error }
  const { code, statusCode } = error as Partial<FastifyError>
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const failure = new SeccoError('TOO_LARGE', `the body: must have at most ${bodyLimit} bytes`)
    return { status: 413, failure }
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const failure = new SeccoError('INVALID_REVIEW', 'content-type: must be application/json')
    return { status: 415, failure }
  }
  if (statusCode !== undefined && statusCode < 500) {
    const failure = new SeccoError('INVALID_REVIEW', 'the request could not be read')
    return { status: statusCode, failure }
  }
  return { status: 500, failure: toSeccoError(error) }
}

/** FailedRequests logs requests that failed: of a flood of rejected ones a few, and how many there were. */
export class FailedRequests {
  readonly #logger: Logger
  readonly #lines = new FewLines()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  log(error: unknown, status: number, { code, message }: SeccoError): void {
    if (status >= 500) {
      this.#logger.error({ code, status, err: error }, 'request failed')
      return
    }
    const more = this.#lines.next()
    if (more === undefined) return
    this.#logger.warn({ code, status, reason: message, ...more }, 'request rejected')
  }
}
