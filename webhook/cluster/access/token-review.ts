import type { KubeConfig } from '@kubernetes/client-node'
import { rootNamespace } from '../../../src/api/names.js'
import type { SatelliteIdentity, ReviewToken } from '../../hub/stream/identity.js'
import type { Rejection } from '../../hub/stream/rejections.js'
import { ReviewCalls, type TokenStatus } from './review-calls.js'

/** Audience of satellites' tokens. */
const hubAudience = 'secco-hub'
/** User name of the satellites' ServiceAccount. */
const satelliteAccount = `system:serviceaccount:${rootNamespace}:secco-satellite`

/** In `status.user.extra` of a TokenReview (KEP-4193, stable in 1.32). */
const claims = {
  node: 'authentication.kubernetes.io/node-name',
  pod: 'authentication.kubernetes.io/pod-name'
} as const

interface TokenReviewOptions {
  config: KubeConfig
  /** Default `secco-hub`. */
  audience?: string
  /** User name that satellites' tokens must have. */
  account?: string
}

interface Unproven {
  expiresAtMs: number
  audiences: string[]
}

/** Returns the claims of a token that was not verified yet; undefined when it is not a JWT. */
function readUnproven(token: string): Unproven | undefined {
  try {
    const [, payload = '', signature = ''] = token.split('.')
    if (signature === '') return undefined
    const { exp, aud } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as {
      exp?: unknown
      aud?: unknown
    }
    const audiences = (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string')
    return typeof exp === 'number' ? { expiresAtMs: exp * 1000, audiences } : undefined
  } catch {
    return undefined
  }
}

/** Returns the identity of a reviewed token, or why it is rejected. */
function judge(
  status: TokenStatus,
  token: Unproven,
  { audience, account }: { audience: string; account: string }
): SatelliteIdentity | Rejection {
  if (status.authenticated !== true) {
    const why = status.error ?? 'the API server does not know it'
    return { reason: 'token-invalid', message: `token: ${why}` }
  }
  if (status.audiences?.includes(audience) !== true) {
    return { reason: 'wrong-audience', message: `token: not for audience ${audience}` }
  }
  const username = status.user?.username ?? ''
  const extra = status.user?.extra ?? {}
  if (username !== account) {
    return { reason: 'wrong-account', message: `token: of ${username}, satellites are ${account}` }
  }
  const [node] = extra[claims.node] ?? []
  const [pod] = extra[claims.pod] ?? []
  if (node === undefined || node === '') {
    const message = 'token: names no node: it is bound to no pod, or the cluster is older than 1.32'
    return { reason: 'no-node-claim', message }
  }
  const { expiresAtMs } = token
  return { node, by: 'token', expiresAtMs, ...(pod === undefined ? {} : { pod }) }
}

/**
 * Returns a review of satellites' tokens by the API server (TokenReview, authentication.k8s.io/v1). A token has to be
 * for our audience, of the satellites' ServiceAccount, and bound to a pod; the pod's node is the satellite's node.
 * Tokens whose own claims are wrong are rejected without a request.
 * Rejects with UNAVAILABLE or FORBIDDEN (our own permissions) when the API server does not answer.
 */
export function createTokenReviewer(options: TokenReviewOptions): ReviewToken {
  const { audience = hubAudience, account = satelliteAccount } = options
  const calls = new ReviewCalls(options.config)
  return async (token) => {
    const unproven = readUnproven(token)
    if (unproven === undefined) return { reason: 'token-invalid', message: 'token: not a JWT' }
    if (unproven.expiresAtMs <= Date.now()) {
      const message = `token: expired at ${new Date(unproven.expiresAtMs).toISOString()}`
      return { reason: 'token-expired', message }
    }
    if (!unproven.audiences.includes(audience)) {
      const named = unproven.audiences.join(', ').slice(0, 128)
      return { reason: 'wrong-audience', message: `token: for ${named}, not for ${audience}` }
    }
    const status = await calls.tokenStatus(token, [audience])
    return judge(status, unproven, { audience, account })
  }
}
