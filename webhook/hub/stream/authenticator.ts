import { toSeccoError } from '../../../src/lib/errors.js'
import { addressOf } from './waiting-peers.js'
import { bearerOf, type SatelliteIdentity, isRejected, type ReviewToken } from './identity.js'
import type { Rejection } from './rejections.js'
import type { Call } from './stream-service.js'

/** Authenticator finds the node that a stream belongs to. */
export interface Authenticator {
  /** Returns the identity from a verified client certificate, or from the token in the call's metadata. Never throws. */
  identify(call: Call): Promise<SatelliteIdentity | Rejection>
  /**
   * Reviews the token of an identity again, or a newer token, which must name the same node. Returns undefined when
   * no review is possible now: the identity stays valid.
   */
  renew(
    identity: SatelliteIdentity,
    token: string
  ): Promise<SatelliteIdentity | Rejection | undefined>
}

/** Returns the node that the client certificate names, if TLS has verified it. */
function certifiedNode(call: Call): string | undefined {
  const { sslPeerCertificate } = call.getAuthContext()
  const name: unknown = sslPeerCertificate?.subject.CN
  return typeof name === 'string' && name !== '' ? name : undefined
}

/** Returns the bearer token of a call. */
export function tokenOf(call: Call): string | undefined {
  return bearerOf(call.metadata.get('authorization')[0])
}

/** Creates an authenticator. @param review reviews tokens; without it only client certificates count */
export function createAuthenticator(review: ReviewToken | undefined): Authenticator {
  return {
    async identify(call) {
      const node = certifiedNode(call)
      if (node !== undefined) return { node, by: 'certificate' }
      const token = tokenOf(call)
      if (token === undefined || review === undefined) {
        const wanted = review === undefined ? 'a client certificate' : 'a certificate or a token'
        return {
          reason: 'no-credentials',
          message: `the stream has no credentials: ${wanted} is needed`
        }
      }
      try {
        return await review(token, false, addressOf(call.getPeer()))
      } catch (error) {
        const { message } = toSeccoError(error)
        return { reason: 'unreviewed', message: `the token cannot be reviewed now: ${message}` }
      }
    },
    async renew(identity, token) {
      if (review === undefined) return undefined
      try {
        const answer = await review(token, true, identity.node)
        if (isRejected(answer) || answer.node === identity.node) return answer
        const message = `the new token names node ${answer.node}, the stream node ${identity.node}`
        return { reason: 'node-mismatch', message }
      } catch {
        return undefined
      }
    }
  }
}
