import { revisionPath } from '../../../src/api/names.js'
import { Writable } from 'node:stream'
import fc from 'fast-check'
import { test } from 'tap'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { createLogger } from '../../../src/lib/log.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { admit } from '../../../webhook/admission/admit.js'
import { createReviewCache } from '../../../webhook/admission/review-cache.js'
import { bodyText, parseText } from '../../../webhook/admission/parse-body.js'
import { runs } from '../../helpers/fuzz.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'
import { realisticReview, testPod, testReview } from '../../helpers/review.js'

const digest = `sha256:${'ab'.repeat(32)}`
const rule: SeccompRule = testRule('web', {
  podSelector: { matchLabels: { app: 'web' } },
  profile: { name: 'checkout.app', namespace: 'shop' }
})
const enforce = { digest, path: revisionPath('shop', 'checkout.app', digest), ready: true }
const newSnapshot = (ready = true) =>
  buildSnapshot({
    rules: [rule],
    profiles: [
      { namespace: 'shop', name: 'checkout.app', approved: true, enforce: { ...enforce, ready } }
    ]
  })
const snapshot = newSnapshot()

const uids = [
  '0df28fbd-5f5f-11e8-bc74-36e6bb280816',
  '7c1f3a52-9a44-4b0e-8f5e-0d2f4a6b8c10'
] as const
const textOf = (review: object) => bodyText(Buffer.from(JSON.stringify(review)))
const withUid = <R extends { request: object }>(review: R, uid: string) => ({
  ...review,
  request: { ...review.request, uid }
})

function answers(limits?: { entries: number; length: number }) {
  const lines: Record<string, unknown>[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>)
      done()
    }
  })
  const made = createReviewCache(createLogger('webhook', sink), limits)
  return { made, lines }
}

test('pods of one workload get the same answer, each with its own uid', (t) => {
  const { made, lines } = answers()
  const [one, two] = uids
  const first = made.answer(snapshot, textOf(withUid(realisticReview('checkout', 'aaaaa'), one)))
  const second = made.answer(snapshot, textOf(withUid(realisticReview('checkout', 'bbbbb'), two)))
  t.equal(first.repeated, false)
  t.equal(second.repeated, true, 'the token volume and the uid make no difference')
  t.equal(second.uid, two)
  t.equal(second.answer, first.answer.replace(one, two))
  t.ok(second.answer.includes('JSONPatch'))

  first.log(first.uid, 1.23456, false)
  second.log(second.uid, 0.5, true)
  const [line, again] = lines
  t.match(line, { uid: one, durationMs: 1.235, decision: 'patched', rule: 'secco-system/web' })
  t.strictSame(
    { ...again, time: '' },
    { ...line, time: '', uid: two, proven: true, durationMs: 0.5 },
    'the audit line has the same fields'
  )
  t.end()
})

test('a review that differs is decided again', (t) => {
  const { made } = answers()
  const base = withUid(realisticReview(), uids[0])
  made.answer(snapshot, textOf(base))
  const pod = base.request.object as ReturnType<typeof testPod>
  const cases: [string, object][] = [
    ['a label', { object: { ...pod, metadata: { ...pod.metadata, labels: { app: 'other' } } } }],
    ['the namespace', { namespace: 'kube-system' }],
    ['a dry run', { dryRun: true }],
    ['the user', { userInfo: { username: 'somebody' } }],
    ['the operation', { operation: 'UPDATE' }],
    ['a container', { object: { ...pod, spec: { containers: [{ name: 'other' }] } } }]
  ]
  for (const [name, change] of cases) {
    const text = textOf({ ...base, request: { ...base.request, ...change } })
    const answer = made.answer(snapshot, text)
    t.equal(answer.repeated, false, name)
    t.equal(answer.answer, JSON.stringify(admit(snapshot, parseText(text)).response), name)
  }
  t.equal(made.answer(snapshot, textOf(base)).repeated, true, 'the first is still remembered')
  const notReady = newSnapshot(false)
  const later = made.answer(notReady, textOf(base))
  t.equal(later.repeated, false, 'a new snapshot decides again')
  t.notOk(later.answer.includes(Buffer.from('Localhost').toString('base64').slice(2, 10)))
  t.equal(later.admission.decision.containers[0]?.outcome, 'runtime-default')
  t.equal(made.size, 1, 'and nothing of the old one is kept')
  t.end()
})

test('while a canary runs no answer is remembered: pods are decided by their number', (t) => {
  const from = { mode: 'enforce' as const, revision: { ...enforce, digest, ready: true } }
  const canary = { mode: 'audit' as const, canary: { percent: 50, from } }
  const profile = { namespace: 'shop', name: 'checkout.app', approved: true, enforce }
  const withCanary = buildSnapshot({ rules: [rule], profiles: [{ ...profile, ladder: canary }] })
  const { made } = answers()
  const review = textOf(withUid(realisticReview(), uids[0]))
  const repeated = [1, 2, 3].map(() => made.answer(withCanary, review).repeated)
  t.same(repeated, [false, false, false])
  t.equal(made.size, 0)
  t.end()
})

test('invented reviews of another caller do not choose who gets the canary', (t) => {
  const from = { mode: 'enforce' as const, revision: testRevision('shop', 'checkout.app', 'c') }
  const canary = { mode: 'enforce' as const, canary: { percent: 50, from } }
  const withCanary = buildSnapshot({
    rules: [testRule('web', rule.spec, 'shop')],
    profiles: [testProfile('shop', 'checkout.app', { ladder: canary })]
  })
  const pod = testPod({ labels: { app: 'web' }, generateName: 'web-7d9f-' })
  delete pod.metadata.name
  const review = textOf(testReview(pod))
  const isCanary = (made: ReturnType<typeof createReviewCache>, caller: string): boolean =>
    made.answer(withCanary, review, caller).admission.decision.containers[0]?.canary === true
  const quiet = answers().made
  const alone = Array.from({ length: 6 }, () => isCanary(quiet, '10.0.0.1'))
  t.same(alone, [true, false, true, false, true, false])
  const { made } = answers()
  const beside = Array.from({ length: 6 }, (_, i) => {
    for (let nth = 0; nth <= i % 2; nth += 1) isCanary(made, '10.0.0.2')
    return isCanary(made, '10.0.0.1')
  })
  t.same(beside, alone)
  t.equal(isCanary(made, ''), true, 'nor those of the API server that is proven')
  t.end()
})

test('an ambiguous review is not remembered', (t) => {
  const good = JSON.stringify(withUid(testReview(testPod({ labels: { app: 'web' } })), uids[0]))
  const cases: [string, string][] = [
    [
      'a second uid',
      good.replace(
        '"namespace":"shop","operation"',
        `"uid":"${uids[1]}","namespace":"shop","operation"`
      )
    ],
    [
      'the same uid again',
      good.replace(
        '"namespace":"shop","operation"',
        `"uid":"${uids[0]}","namespace":"shop","operation"`
      )
    ],
    ['an escaped key', good.replace('"dryRun"', '"dry\\u0052un"')],
    [
      'another order',
      good.replace(`"uid":"${uids[0]}",`, '').replace('"dryRun"', `"uid":"${uids[0]}","dryRun"`)
    ]
  ]
  for (const [name, body] of cases) {
    const { made } = answers()
    for (let i = 0; i < 2; i++) {
      const text = bodyText(Buffer.from(body))
      const answer = made.answer(snapshot, text)
      t.equal(answer.answer, JSON.stringify(admit(snapshot, parseText(text)).response), name)
    }
    // A later review of its text with another uid in front gets its own answer.
    const other = bodyText(
      Buffer.from(body.replace(uids[0], '00000000-0000-4000-8000-000000000000'))
    )
    const answer = made.answer(snapshot, other)
    t.equal(answer.answer, JSON.stringify(admit(snapshot, parseText(other)).response), name)
  }
  const { made } = answers()
  t.throws(() => made.answer(snapshot, bodyText(Buffer.from('{'))), { code: 'INVALID_REVIEW' })
  t.equal(made.size, 0)
  t.end()
})

test('memory is bounded: the least recently used answer is dropped, long texts are never kept', (t) => {
  const { made } = answers({ entries: 3, length: 4000 })
  const ask = (workload: string) =>
    made.answer(snapshot, textOf(realisticReview(workload))).repeated
  for (const name of ['a', 'b', 'c', 'a', 'd']) ask(name)
  t.equal(made.size, 3)
  t.equal(ask('a'), true, 'used lately')
  t.equal(ask('b'), false, 'forgotten')
  const long = testReview(
    testPod({}, { containers: ['a', 'b', 'c'].map((name) => ({ name, image: 'x'.repeat(1500) })) })
  )
  made.answer(snapshot, textOf(long))
  t.equal(made.answer(snapshot, textOf(long)).repeated, false)
  t.end()
})

test('an answer is that of a new decision, whatever reviews came before', (t) => {
  const { made } = answers({ entries: 4, length: 8192 })
  const name = fc.constantFrom('a', 'b', 'c')
  fc.assert(
    fc.property(
      fc.uuid(),
      fc.record({
        labels: fc.dictionary(fc.constantFrom('app', 'team'), fc.constantFrom('web', 'x')),
        name,
        namespace: fc.constantFrom('shop', 'kube-system'),
        env: fc.array(fc.record({ name, value: fc.string() })),
        dryRun: fc.boolean()
      }),
      (uid, { labels, name: container, namespace, env, dryRun }) => {
        const pod = testPod({ labels, namespace }, { containers: [{ name: container, env }] })
        const text = textOf(withUid(testReview(pod, { namespace, dryRun }), uid))
        return (
          made.answer(snapshot, text).answer ===
          JSON.stringify(admit(snapshot, parseText(text)).response)
        )
      }
    ),
    { numRuns: runs(500) }
  )
  t.end()
})
