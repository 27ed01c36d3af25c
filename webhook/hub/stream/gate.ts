import { toSeccoError } from '../../../src/lib/errors.js'
import { bearerOf, type Identity, isRefused, type ReviewToken } from './identity.js'
import type { Refused } from './refusals.js'
import type { Call } from './session.js'

/** Proves who speaks on a stream. */
export interface Gate {
  /** A verified client certificate, or the token in the call's metadata. Never rejects. */
  identify(call: Call): Promise<Identity | Refused>
  /**
   * The identity again, by its token or a newer one, which must name the same node. `undefined`: nobody
   * can tell now, what was known holds on.
   */
  renew(identity: Identity, token: string): Promise<Identity | Refused | undefined>
}

/** The node that the client certificate names, when TLS has verified it. */
function certifiedNode(call: Call): string | undefined {
  const { sslPeerCertificate } = call.getAuthContext()
  const name: unknown = sslPeerCertificate?.subject.CN
  return typeof name === 'string' && name !== '' ? name : undefined
}

/** The bearer token of a call. */
export function tokenOf(call: Call): string | undefined {
  return bearerOf(call.metadata.get('authorization')[0])
}

/** `review`: without it only client certificates count. */
export function createGate(review: ReviewToken | undefined): Gate {
  return {
    async identify(call) {
      const node = certifiedNode(call)
      if (node !== undefined) return { node, by: 'certificate' }
      const token = tokenOf(call)
      if (token === undefined || review === undefined) {
        const wanted = review === undefined ? 'a client certificate' : 'a certificate or a token'
        return {
          reason: 'no-credentials',
          message: `the stream brings no proof: ${wanted} is needed`
        }
      }
      try {
        return await review(token)
      } catch (error) {
        const { message } = toSeccoError(error)
        return { reason: 'unreviewed', message: `the token cannot be reviewed now: ${message}` }
      }
    },
    async renew(identity, token) {
      if (review === undefined) return undefined
      try {
        const answer = await review(token, true)
        if (isRefused(answer) || answer.node === identity.node) return answer
        const message = `the new token is node ${answer.node}'s, the stream node ${identity.node}'s`
        return { reason: 'node-mismatch', message }
      } catch {
        return undefined
      }
    }
  }
}
