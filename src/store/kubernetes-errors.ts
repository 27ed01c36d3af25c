import { ApiException } from '@kubernetes/client-node'
import { apiGroup, rootNamespace } from '../api/names.js'
import { missingRightHint } from '../api/people-roles.js'
import { type ErrorCode, SeccoError, toSeccoError } from '../lib/errors.js'
import { namespaceField } from './store.js'

/** What the API server says in a metav1.Status. */
interface Status {
  reason?: string
  message?: string
  details?: { kind?: string; causes?: { reason?: string }[] }
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

const outageHint = 'see whether the API server answers: kubectl get --raw /readyz'

const hints: Partial<Record<ErrorCode, string>> = {
  UNAUTHENTICATED: 'check the kubeconfig or the ServiceAccount token',
  UNAVAILABLE: outageHint
}

const ownAccounts = `system:serviceaccount:${rootNamespace}:`
const applyAgain =
  'apply the installation again, which has its rights: secco install | kubectl apply -f -'

/** The authorizer's message (k8s.io/apiserver, responsewriters.forbiddenMessage); Go quotes the user's name. */
const deniedPattern =
  /User ("(?:[^"\\]|\\.)*") cannot (\S+) resource "([^"]+)" in API group "([^"]*)" (?:in the namespace "([^"]+)"|at the cluster scope)/

/** The message of the policy on approvals (webhook/admission/approval-policy.ts). */
const unapprovedPattern = /secco: (.+) may not approve in namespace (\S+): /

function nameIn(quoted: string): string {
  try {
    return String(JSON.parse(quoted))
  } catch {
    // Go escapes what JSON does not, as in "\x00".
    return quoted.slice(1, -1)
  }
}

/** Returns the hint for a rejection by the API server, which names the missing right. */
function forbiddenHint(said: string): string | undefined {
  const [, quoted = '', verb = '', resource = '', group = '', namespace] =
    deniedPattern.exec(said) ?? []
  const [, approver, place] = unapprovedPattern.exec(said) ?? []
  const user = approver ?? nameIn(quoted)
  if (user.startsWith(ownAccounts)) return applyAgain
  if (approver !== undefined) {
    const right = { verb: 'approve', resource: 'seccompprofiles', group: apiGroup }
    return missingRightHint({ ...right, namespace: place, user })
  }
  return verb === '' ? undefined : missingRightHint({ verb, resource, group, namespace, user })
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
    return new SeccoError('UNAVAILABLE', `${what}: ${text}`, {
      cause: error,
      hint: outageHint
    })
  }
  const { message: said, details } = statusOf((error as { body?: unknown }).body)
  // A namespace that is being deleted takes nothing new: for a writer it is gone.
  const ends = details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true
  const code = ends ? 'NOT_FOUND' : codeOf(status)
  const isNamespaceGone = ends || (code === 'NOT_FOUND' && details?.kind === 'namespaces')
  const hint = code === 'FORBIDDEN' ? forbiddenHint(said ?? '') : hints[code]
  return new SeccoError(code, `${what}: ${said ?? `HTTP ${status}`}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
    ...(isNamespaceGone ? { field: namespaceField } : {})
  })
}
