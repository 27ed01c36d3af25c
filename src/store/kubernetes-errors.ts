import { ApiException } from '@kubernetes/client-node'
import { type ErrorCode, SeccoError, toSeccoError } from '../lib/errors.js'

/** What the API server says in a metav1.Status. */
interface Status {
  reason?: string
  message?: string
}

function statusOf(body: unknown): Status {
  if (typeof body !== 'string') return typeof body === 'object' && body !== null ? body : {}
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null ? parsed : {}
  } catch {
    return {}
  }
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'UNAUTHENTICATED'
  if (status === 403) return 'FORBIDDEN'
  if (status === 404) return 'NOT_FOUND'
  if (status === 409) return 'CONFLICT'
  if (status === 413) return 'TOO_LARGE'
  if (status === 400 || status === 422) return 'INVALID_DOCUMENT'
  return 'UNAVAILABLE'
}

const hints: Partial<Record<ErrorCode, string>> = {
  UNAUTHENTICATED: 'check the kubeconfig or the ServiceAccount token',
  FORBIDDEN: 'grant the identity the roles that Secco needs: see manifests/',
  UNAVAILABLE: 'check that the API server runs; Secco retries'
}

/** HTTP status of a rejection by the API server; undefined when it was not reached. */
export function httpStatus(error: unknown): number | undefined {
  if (error instanceof ApiException) return error.code
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  return typeof status === 'number' ? status : undefined
}

/** A failed call to the API server in Secco's words; `what` is named first in the message. */
export function fromApiServer(error: unknown, what: string): SeccoError {
  if (error instanceof SeccoError) return error
  const status = httpStatus(error)
  if (status === undefined) {
    const { message } = toSeccoError(error)
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : ''
    const text = cause === '' ? message : `${message}: ${cause}`
    return new SeccoError('UNAVAILABLE', `${what}: ${text}`, { cause: error })
  }
  const code = codeOf(status)
  const said = statusOf((error as { body?: unknown }).body).message
  const hint = hints[code]
  return new SeccoError(code, `${what}: ${said ?? `HTTP ${status}`}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint })
  })
}
