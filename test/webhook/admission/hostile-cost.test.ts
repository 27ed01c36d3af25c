import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { ensureServerLeaf } from '../../../certs/files.js'
import { createLogger } from '../../../src/lib/log.js'
import { createAdmissionServer } from '../../../webhook/server.js'
import { runs } from '../../helpers/fuzz.js'
import { startReviewClient } from '../../helpers/review-client.js'
import { testPod, testReview } from '../../helpers/review.js'
import { labels, snapshot } from '../../helpers/reviews.js'

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

/** Milliseconds that the event loop of this process computed: neither other processes nor other threads count. */
const computedMs = () =>
  Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1_000_000

test('a hostile review costs the event loop little more than an ordinary one of its size', {
  timeout: 180_000
}, async (t) => {
  const pair = await ensureServerLeaf(join(t.testdir(), 'certs'), ['localhost', '127.0.0.1'])
  const logger = createLogger('webhook', { write: () => undefined })
  const server = createAdmissionServer({ tls: pair, getSnapshot: () => snapshot, logger })
  const to = { ...(await server.listen({ host: '127.0.0.1', port: 0 })), ca: pair.ca }
  t.teardown(() => server.shutdown())
  const client = startReviewClient()
  t.teardown(() => client.stop())
  async function cost(body: string): Promise<number> {
    const before = computedMs()
    await client.run({ ...to, localAddress: '127.0.0.1', connections: 1, body, count: 1 })
    return computedMs() - before
  }
  for (const [what, body] of hostile) {
    const [bad, good] = [[] as number[], [] as number[]]
    const like = ordinary(body.length)
    for (let round = 0; round < 2 + runs(3); round++) {
      bad.push(await cost(body))
      good.push(await cost(like))
    }
    const ratio = Math.min(...bad) / Math.min(...good)
    t.ok(ratio < 3, `${what}: ${ratio.toFixed(2)} times (${Math.min(...bad).toFixed(1)} ms)`)
  }
})
