import { Metadata } from '@grpc/grpc-js'
import { test } from 'tap'
import { SeccoError } from '../../../../src/lib/errors.js'
import { createAuthenticator } from '../../../../webhook/hub/stream/authenticator.js'
import type { ReviewToken, SatelliteIdentity } from '../../../../webhook/hub/stream/identity.js'

type Call = Parameters<ReturnType<typeof createAuthenticator>['identify']>[0]

const identity: SatelliteIdentity = { node: 'node-a', by: 'token', expiresAtMs: 1000, pod: 'p' }
const answers: Record<string, SatelliteIdentity> = {
  good: identity,
  moved: { ...identity, node: 'node-b' }
}
const review: ReviewToken = (token) => {
  if (token === 'away') return Promise.reject(new SeccoError('UNAVAILABLE', 'no API server'))
  return Promise.resolve(answers[token] ?? { reason: 'token-invalid', message: 'token: unknown' })
}

function call(token: string | undefined, certified?: string): Call {
  const metadata = new Metadata()
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
  const sslPeerCertificate = certified === undefined ? undefined : { subject: { CN: certified } }
  return {
    metadata,
    getPeer: () => '10.0.0.1:4711',
    getAuthContext: () => ({ sslPeerCertificate })
  } as unknown as Call
}

test('who a stream belongs to', async (t) => {
  const given = createAuthenticator(review)
  const identify = (one: Call) => given.identify(one)
  t.same(await identify(call('good', 'node-c')), { node: 'node-c', by: 'certificate' })
  t.same(await identify(call('good')), identity)
  t.match(await identify(call('bad')), { reason: 'token-invalid' })
  t.matchOnly(await identify(call('away')), { reason: 'unreviewed', message: /no API server/ })
  t.matchOnly(await identify(call(undefined)), { reason: 'no-credentials', message: /or a token/ })
  t.match(await identify(call(undefined, '')), { reason: 'no-credentials' })
  const certificates = createAuthenticator(undefined)
  t.match(await certificates.identify(call('good')), { reason: 'no-credentials' })
  t.equal(await certificates.renew(identity, 'good'), undefined)
})

test('a newer token must name the same node', async (t) => {
  const given = createAuthenticator(review)
  const renew = (one: SatelliteIdentity, token: string) => given.renew(one, token)
  t.same(await renew(identity, 'good'), identity)
  t.matchOnly(await renew(identity, 'moved'), {
    reason: 'node-mismatch',
    message: /node-b.*node-a/
  })
  t.match(await renew(identity, 'bad'), { reason: 'token-invalid' })
  t.equal(await renew(identity, 'away'), undefined, 'without a review the identity stays')
})
