import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { admit } from '../../../webhook/admission/admit.js'
import { createPodCounter } from '../../../webhook/admission/pod-counter.js'
import { testPod, testReview } from '../../helpers/review.js'
import { labels, web } from '../../helpers/reviews.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'

const before = { mode: 'enforce' as const, revision: testRevision('shop', 'checkout.app', 'c') }
const withCanary = buildSnapshot({
  rules: [testRule('web', web, 'shop')],
  profiles: [
    testProfile('shop', 'checkout.app', {
      ladder: { mode: 'enforce', canary: { percent: 25, from: before } }
    })
  ]
})

test('each pod of a workload takes the next place in its canary; a dry run takes none', (t) => {
  const turnOf = createPodCounter()
  const create = (owner: string, dryRun = false): boolean => {
    const ownerReferences = [{ kind: 'ReplicaSet', name: `${owner}-7c9d8f6b5`, controller: true }]
    const metadata = { labels: { ...labels, 'pod-template-hash': '7c9d8f6b5' }, ownerReferences }
    const made = testPod({ ...metadata, generateName: `${owner}-7c9d8f6b5-` })
    delete made.metadata.name
    const { decision } = admit(withCanary, testReview(made, { dryRun }), turnOf)
    return decision.containers[0]?.canary === true
  }
  const pods = Array.from({ length: 8 }, () => create('web'))
  t.same(pods, [true, false, false, false, true, false, false, false])
  for (let nth = 0; nth < 3; nth += 1) create('web', true)
  t.same([create('web'), create('web')], [true, false], 'three dry runs made no difference')
  t.equal(create('api'), true, 'another workload begins by itself')
  t.end()
})

test('the counter forgets the workloads that had no pod for longest', (t) => {
  const turnOf = createPodCounter()
  for (const expected of [0, 1, 2]) t.equal(turnOf('shop/web'), expected)
  for (let nth = 0; nth < 9_999; nth += 1) turnOf(`shop/${nth}`)
  t.equal(turnOf('shop/web'), 3, 'among 10,000 it is still known')
  for (let nth = 0; nth < 10_000; nth += 1) turnOf(`bank/${nth}`)
  t.equal(turnOf('shop/web'), 0)
  t.end()
})
