import { test } from 'tap'
import { hubTrust } from '../../../../webhook/cluster/access/hub-trust.js'
import type { ReviewToken } from '../../../../webhook/hub/stream/identity.js'
import { type AskedReview, reviewServer } from '../../../helpers/review-server.js'

const account = 'system:serviceaccount:own:satellite'
const extra = {
  'authentication.kubernetes.io/node-name': ['node-a'],
  'authentication.kubernetes.io/pod-name': ['satellite-x']
}
const good = {
  ...{ authenticated: true, audiences: ['hub'] },
  user: { username: account, extra }
}

const tokenOf = (claims: object) =>
  ['e30', Buffer.from(JSON.stringify(claims)).toString('base64url'), 'signature'].join('.')
const inAnHour = Math.floor(Date.now() / 1000) + 3600
const token = tokenOf({ exp: inAnHour, aud: ['hub'] })

/** The two kinds of review that a hub asks an API server for. */
async function apiServer(close: (work: () => Promise<void>) => void) {
  const answer: { status: object } = { status: good }
  const asked: AskedReview[] = []
  const config = await reviewServer(close, (review) => {
    if (review.kind !== 'TokenReview') return { userInfo: { username: 'the-hub' } }
    asked.push(review)
    return answer.status
  })
  return { config, asked, answer: (status: object) => (answer.status = status) }
}

test("whose tokens a hub takes for a satellite's", async (t) => {
  const api = await apiServer((work) => t.teardown(work))
  const trust = await hubTrust(api.config, { audience: 'hub', account, plainContainers: 'apart' })
  t.match(trust, { approver: 'the-hub', plainContainers: 'apart' })
  const review = trust.reviewToken as ReviewToken
  t.same(await review(token), {
    ...{ node: 'node-a', by: 'token', pod: 'satellite-x', expiresAtMs: inAnHour * 1000 }
  })
  t.same(api.asked[0]?.spec, { token, audiences: ['hub'] }, 'the server is asked for our audience')

  const users = { ...good, user: { username: 'system:serviceaccount:own:other', extra } }
  const table: [what: string, status: object, reason: string][] = [
    ['unknown', { error: 'invalid bearer token' }, 'token-invalid'],
    ['not for our audience', { ...good, audiences: ['other'] }, 'wrong-audience'],
    ['an answer without audiences', { ...good, audiences: undefined }, 'wrong-audience'],
    ['of another account', users, 'wrong-account'],
    ['bound to no pod', { ...good, user: { username: account } }, 'no-node-claim']
  ]
  for (const [what, status, reason] of table) {
    api.answer(status)
    t.match(await review(token), { reason }, what)
  }
  const before = api.asked.length
  const unasked: [what: string, token: string, reason: string][] = [
    ['no JWT', 'abc', 'token-invalid'],
    ['expired', tokenOf({ exp: inAnHour - 7200, aud: ['hub'] }), 'token-expired'],
    ['for another audience', tokenOf({ exp: inAnHour, aud: 'secco-hub' }), 'wrong-audience'],
    ['without a time', tokenOf({ aud: ['hub'] }), 'token-invalid']
  ]
  api.answer(good)
  for (const [what, one, reason] of unasked) t.match(await review(one), { reason }, what)
  t.equal(api.asked.length, before, 'these reach no API server')

  const usual = await hubTrust(api.config)
  t.match(usual, { plainContainers: /^re|^reject/ })
  const ours = tokenOf({ exp: inAnHour, aud: ['secco-hub'] })
  api.answer({ ...good, audiences: ['secco-hub'] })
  t.match(await (usual.reviewToken as ReviewToken)(ours), { reason: 'wrong-account' })
})
