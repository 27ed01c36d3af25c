import { performance } from 'node:perf_hooks'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import { ensureClientLeaf, ensureServerLeaf } from '../../../certs/files.js'
import { createLogger } from '../../../src/lib/log.js'
import { type AdmissionServerOptions, createAdmissionServer } from '../../../webhook/server.js'
import { type ReviewLoad, startReviewClient } from '../../helpers/review-client.js'
import { realisticReview, testPod, testReview } from '../../helpers/review.js'
import { labels, snapshot } from '../../helpers/reviews.js'

const slow = { timeout: 180_000 }
const megabytes = (count: number) => 'x'.repeat(count * 1_000_000)
const goJson = (value: unknown) => JSON.stringify(value).replaceAll('<', '\\u003c')
const review = (metadata: object, spec: object = {}) =>
  goJson(testReview(testPod({ labels, ...metadata }, spec)))
const padded = (bytes: number, body: (padding: string) => string) =>
  body('x'.repeat(Math.max(0, bytes - body('').length)))
const ordinary = (bytes: number) =>
  padded(bytes, (value) =>
    review({}, { containers: [{ name: 'app', image: 'web:1', env: [{ name: 'A', value }] }] })
  )
const containers = Array.from({ length: 75_000 }, (_, i) => ({ name: `c${i}`, image: 'i' }))
const owners = Array.from({ length: 60_000 }, () => ({ kind: 'A', name: 'b', uid: 'c' }))

/** Each costs the event loop at most three times an ordinary review of its size. */
const hostile: [what: string, body: string][] = [
  ['75,000 containers', review({}, { containers })],
  [
    '300,000 labels',
    review({ labels: Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`k${i}`, ''])) })
  ],
  [
    '1.3 MB of <',
    review({}, { containers: [{ name: 'app', image: 'w', args: ['<'.repeat(1_300_000)] }] })
  ],
  [
    'an image of 1.3 MB of <',
    review({}, { containers: [{ name: 'app', image: '<'.repeat(1_300_000) }] })
  ],
  ['a name of 3 MB', review({}, { containers: [{ name: megabytes(3), image: 'w' }] })],
  ['60,000 owners', review({ ownerReferences: owners })],
  [
    '100,000 annotations',
    review({ annotations: Object.fromEntries(owners.map((_, i) => [`k${i}`, 'v'.repeat(20)])) })
  ],
  [
    'a node selector of 200,000',
    review(
      {},
      { nodeSelector: Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`k${i}`, ''])) }
    )
  ],
  ['500,000 empty objects', review({}, { volumes: Array(500_000).fill({}) })],
  [
    'a profile of 3 MB',
    review(
      {},
      { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: megabytes(3) } } }
    )
  ]
]

async function start(t: Test, options: Partial<AdmissionServerOptions> = {}) {
  const pair = await ensureServerLeaf(join(t.testdir(), 'certs'), ['localhost', '127.0.0.1'])
  const logger = createLogger('webhook', { write: () => undefined })
  const server = createAdmissionServer({
    tls: pair,
    getSnapshot: () => snapshot,
    logger,
    ...options
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => server.shutdown())
  return { port, ca: pair.ca }
}

test(
  'a hostile review costs the event loop little more than an ordinary one of its size',
  slow,
  async (t) => {
    const to = await start(t)
    const client = startReviewClient()
    t.teardown(() => client.stop())
    /** Milliseconds of the server's event loop for some reviews. */
    async function cost(body: string): Promise<number> {
      const before = performance.eventLoopUtilization()
      await client.run({ ...to, localAddress: '127.0.0.1', connections: 1, body, count: 3 })
      return performance.eventLoopUtilization(before).active
    }
    for (const [what, body] of hostile) {
      const [bad, good] = [[] as number[], [] as number[]]
      const like = ordinary(body.length)
      for (let round = 0; round < 4; round++) {
        bad.push(await cost(body))
        good.push(await cost(like))
      }
      const ratio = Math.min(...bad) / Math.min(...good)
      t.ok(
        ratio < 3,
        `${what}: ${ratio.toFixed(2)} times (${(Math.min(...bad) / 3).toFixed(1)} ms)`
      )
    }
  }
)

/** Ordinary reviews a second, without an attack and beside one, in turns. */
async function rates(ordinaryLoad: ReviewLoad, attack: ReviewLoad) {
  const [client, attacker] = [startReviewClient(), startReviewClient(19)]
  const [alone, beside] = [[] as number[], [] as number[]]
  let failed = 0
  let decided = 0
  await client.run(ordinaryLoad)
  for (let round = 0; round < 5; round++) {
    const first = await client.run(ordinaryLoad)
    const attacked = attacker.run(attack)
    const second = await client.run(ordinaryLoad)
    decided += (await attacked).patched
    failed += first.others + second.others
    alone.push(first.patched / first.ms)
    beside.push(second.patched / second.ms)
  }
  client.stop()
  attacker.stop()
  return { ratio: Math.max(...beside) / Math.max(...alone), failed, decided }
}

const body = JSON.stringify(realisticReview())
const attack = {
  localAddress: '127.0.0.2',
  connections: 12,
  ms: 1500,
  body: review({}, { containers })
}

test('an attack on a webhook with a client authority', slow, async (t) => {
  const caller = await ensureClientLeaf(join(t.testdir(), 'clients'), 'api-server')
  const to = await start(t, { clientCa: caller.ca, clientNames: ['api-server'] })
  const { cert, key } = caller
  const load = { ...to, cert, key, localAddress: '127.0.0.1', connections: 4, ms: 1500, body }
  const { ratio, failed, decided } = await rates(load, { ...to, ...attack })
  t.equal(failed, 0, 'no ordinary review fails')
  t.equal(decided, 0, 'no review of the attacker is decided')
  t.ok(ratio > 0.8, `ordinary reviews at ${ratio.toFixed(2)} of their rate`)
  const wrong = await ensureClientLeaf(join(t.testdir(), 'clients'), 'kubelet')
  const client = startReviewClient()
  t.teardown(() => client.stop())
  const other = { ...load, cert: wrong.cert, key: wrong.key, ms: 300 }
  t.equal((await client.run(other)).patched, 0, 'another name of the same authority')
})

test('an attack on a webhook that anybody may ask', slow, async (t) => {
  const to = await start(t)
  const load = { ...to, localAddress: '127.0.0.1', connections: 4, ms: 1500, body }
  const { ratio, failed } = await rates(load, { ...to, ...attack })
  t.equal(failed, 0, 'no ordinary review fails')
  t.ok(ratio > 0.1, `ordinary reviews at ${ratio.toFixed(2)} of their rate`)
})
