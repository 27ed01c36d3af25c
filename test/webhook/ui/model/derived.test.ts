import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { boundApproval } from '../../../../src/seccomp/policy/approval.js'
import { decideCalls } from '../../../../src/seccomp/review/decide-calls.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import type { Rights } from '../../../../webhook/access/rights.js'
import { profile, startUiRig } from '../rig.js'

const at = '2026-01-01T00:00:00.000Z'
const named = (namespace: string, name: string): SeccompProfile => ({
  ...profile,
  metadata: { namespace, name },
  spec: {},
  status: {}
})

/** A profile of another namespace that somebody approved with a rare call. */
const secret = decideCalls(named('other', 'secret'), {
  ...{ by: 'otto', at, reason: 'the secret engine', allow: ['keyctl'], deny: [] }
})

/** A profile of shop that is built on it, approved and delivered. */
function child(digest = ''): SeccompProfile {
  const spec = {
    ...profile.spec,
    ...{ extends: ['other/secret'], seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const } }
  }
  return {
    ...profile,
    metadata: { namespace: 'shop', name: 'app' },
    spec: { ...spec, approval: boundApproval(spec, { by: 'anna', at, reason: 'mine' }) },
    status: {
      ...profile.status,
      ...(digest === '' ? {} : { revision: digest, previousRevision: digest })
    }
  }
}

/** A person with all rights in these namespaces. */
const of = (...namespaces: string[]): Rights => ({
  kind: 'cluster',
  ofToken: () =>
    Promise.resolve({
      user: 'anna',
      can: (_verb, _resource, namespace = '') => Promise.resolve(namespaces.includes(namespace))
    })
})

const headers = { host: 'localhost', authorization: 'Bearer anna' }
const urls = [
  '/api/v1/profiles/shop/app',
  '/api/v1/profiles/shop/app/export',
  '/api/v1/profiles/shop/app/export?format=spo',
  '/api/v1/diff?left=RuntimeDefault&right=shop/app',
  '/api/v1/diff?left=RuntimeDefault&right=shop/app@previous',
  '/compare?left=RuntimeDefault&right=shop/app',
  '/profiles/shop/app',
  '/workloads/shop/app',
  '/review/shop/app'
]

const resolve = (namespace: string) => (namespace === 'other' ? secret : undefined)
const { digest, json } = renderProfile(child(), { mode: 'enforce', resolve })

async function bodies(rights: Rights, others: readonly SeccompProfile[]) {
  const rig = await startUiRig({
    objects: [child(digest), ...others],
    rights,
    revision: () => Promise.resolve(Buffer.from(json))
  })
  const answers = []
  for (const url of urls) answers.push((await rig.app.inject({ url, headers })).body)
  await rig.app.close()
  return answers
}

test('a profile of another namespace is not read by extending it', async (t) => {
  t.match(json, /"keyctl"/)
  const open = await bodies(of('shop', 'other'), [secret])
  t.match(
    open[0],
    /"keyctl":\[\{"kind":"extends"[^\]]*other\/secret/,
    'who may read it sees what it gives'
  )
  t.match(open[1], /keyctl/)
  t.match(open[4], /keyctl/)
  const own = await bodies(of('shop'), [secret])
  for (const [index, body] of own.entries()) {
    t.notMatch(body, /otto|secret engine/, urls[index] ?? '')
    // The grid of a workload has every call, and says of each who allows it.
    if (!urls[index]?.startsWith('/workloads')) t.notMatch(body, /keyctl/, urls[index] ?? '')
    t.notMatch(body, /approved in a profile that it extends/, urls[index] ?? '')
  }
})

test('whether a profile of another namespace exists is in no error', async (t) => {
  // What the digest on the review is of is what is delivered: it alone differs.
  const without = (list: readonly string[]) => list.slice(0, 8)
  const [here, gone] = [await bodies(of('shop'), [secret]), await bodies(of('shop'), [])]
  t.same(without(here), without(gone))
  t.match(here[0], /profile other\/secret is not known to you: it may not exist, or you may not/)
})

test('an approval is about the digest that is delivered, for a person of one namespace too', async (t) => {
  const observing = { ...child(), status: { observed: { x86_64: ['read'] } } }
  const rig = await startUiRig({ objects: [observing, secret], rights: of('shop') })
  t.teardown(() => rig.app.close())
  const { body } = await rig.app.inject({ url: '/review/shop/app', headers })
  const [, expected] = /name="expect" value="([^"]*)"/.exec(body) ?? []
  const after = decideCalls(observing, {
    ...{ by: '', at: '', reason: '', allow: ['read'], deny: [], whole: true }
  })
  t.equal(expected, renderProfile(after, { mode: 'enforce', resolve }).digest)
})

test('who blocked what is shown to nobody without rights in the namespace of the block', async (t) => {
  const decision = { by: 'olga', at: '2026-01-01T10:00:00.000Z', reason: 'CVE of today' }
  const overlay = withBlock(emptyOverlay(), parseBlock('mknod'), decision, false)
  const approved = decideCalls(named('shop', 'app'), {
    ...{ by: 'anna', at, reason: 'mine', allow: ['mknod', 'read'], deny: [] }
  })
  const app = { ...approved, spec: { ...profile.spec, ...approved.spec } }
  const own = await startUiRig({ objects: [app, overlay], rights: of('shop') })
  const all = await startUiRig({ objects: [app, overlay], rights: of('shop', 'secco-system') })
  t.teardown(() => Promise.all([own.app.close(), all.app.close()]))
  for (const url of ['/profiles/shop/app', '/workloads/shop/app', '/api/v1/profiles/shop/app']) {
    t.notMatch((await own.app.inject({ url, headers })).body, /olga|CVE of today/, url)
    const seen = url.startsWith('/api') ? /removed by secco-system/ : /olga/
    t.match((await all.app.inject({ url, headers })).body, seen, url)
  }
  const { body } = await own.app.inject({ url: '/profiles/shop/app', headers })
  t.match(body, /what secco-system\/emergency blocks is missing here/)
})
