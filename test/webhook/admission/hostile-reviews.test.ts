import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import { ensureServerLeaf } from '../../../certs/files.js'
import { createLogger } from '../../../src/lib/log.js'
import { createAdmissionServer } from '../../../webhook/server.js'
import { testPod, testReview } from '../../helpers/review.js'
import { labels, snapshot } from '../../helpers/reviews.js'

/** What the webhook configuration gives the webhook (timeoutSeconds); after it the API server goes on without an answer. */
const timeoutMs = 2000
/** The most that etcd stores of one object (--max-request-bytes) by default. */
const stored = 1.5 * 2 ** 20
/** The most that the API server reads of one request (MaxRequestBodyBytes). */
const requestBytes = 3 * 2 ** 20

/** As encoding/json of Go writes it: three characters are escaped everywhere, and both line separators. */
const goJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`
  )

/** Own members, `__proto__` among them, as a JSON parser makes them. */
const own = (json: string) => JSON.parse(json) as Record<string, never>
const poison = '{"__proto__":"x"}'
const constructors = '{"constructor":{"prototype":"x"}}'
const container = (change: object) => ({ containers: [{ name: 'app', image: 'web:1', ...change }] })
const env = (value: string) => container({ env: [{ name: 'A', value }] })
const twice = (spec: object) => {
  const pod = testPod({ labels }, spec)
  return testReview(pod, { oldObject: pod })
}
const create = (metadata: object, spec: object = {}) =>
  testReview(testPod({ labels, ...metadata }, spec))

async function start(t: Test) {
  const pair = await ensureServerLeaf(join(t.testdir(), 'certs'), ['localhost', '127.0.0.1'])
  const logger = createLogger('webhook', { write: () => undefined })
  const server = createAdmissionServer({ tls: pair, getSnapshot: () => snapshot, logger })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  t.teardown(async () => {
    agent.destroy()
    await server.shutdown()
  })
  return (body: string | Buffer): Promise<{ status: number; patch: unknown; text: string }> =>
    new Promise((resolve, reject) => {
      const bytes = Buffer.from(body)
      const outgoing = request(
        {
          host: '127.0.0.1',
          port,
          ca: pair.ca,
          agent,
          method: 'POST',
          path: '/mutate',
          headers: { 'content-type': 'application/json', 'content-length': bytes.length }
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => (text += chunk))
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, patch: patchIn(text), text })
          )
        }
      )
      outgoing.on('error', reject)
      outgoing.end(bytes)
    })
}

function patchIn(text: string): unknown {
  const { response } = JSON.parse(text) as { response?: { patch?: string } }
  const patch = response?.patch
  return patch === undefined ? text : JSON.parse(Buffer.from(patch, 'base64').toString())
}

const angles = '<'.repeat(stored)
const volume = (source: object) => ({ volumes: [{ name: 'v', ...source }] })
const sources = Array.from({ length: stored / 4 }, () => ({ downwardAPI: {} }))
const terms = (count: number) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: Array.from({ length: count }, () => ({}))
      }
    }
  }
})
const fields = (depth: number) => ({
  managedFields: [{ fieldsV1: own('{"f:a":'.repeat(depth) + '{}' + '}'.repeat(depth)) }]
})
/** JSON.stringify is recursive, so what is deep is written as text. */
const put = (review: object, mark: string, json: string): string =>
  goJson(review).replace(JSON.stringify(mark), () => json)

const table: [string, string][] = [
  ['a label __proto__', goJson(create({ labels: { ...labels, ...own(poison) } }))],
  ['an annotation __proto__', goJson(create({ annotations: { a: 'b', ...own(poison) } }))],
  ['a member __proto__ of the pod', goJson(create(own(poison)))],
  ['… of the review', goJson({ ...create({}), ...own(poison) })],
  ['… of the request', goJson(testReview(testPod({ labels }), own(poison)))],
  ['… of a node selector', goJson(create({}, { nodeSelector: own(poison) }))],
  ['… of a container', goJson(create({}, container(own(poison))))],
  ['… of a limit', goJson(create({}, container({ resources: { limits: own(poison) } })))],
  [
    '… of a volume',
    goJson(create({}, volume({ csi: { driver: 'd', volumeAttributes: own(poison) } })))
  ],
  ['… of managedFields', goJson(create({ managedFields: [{ fieldsV1: own(poison) }] }))],
  [
    'a label __proto__, written with escapes',
    goJson(create({ labels: { ...labels, ...own(poison) } })).replace(
      '__proto__',
      '\\u005f_pr\\u006fto__'
    )
  ],
  ['an annotation constructor', goJson(create({ annotations: own('{"constructor":"x"}') }))],
  [
    'a label constructor with a prototype',
    goJson(create({ labels: { ...labels, ...own(constructors) } }))
  ],
  ['… in managedFields', goJson(create({ managedFields: [{ fieldsV1: own(constructors) }] }))],
  [
    '… written with escapes',
    goJson(create({ annotations: own(constructors) })).replace('constructor', '\\u0063onstructor')
  ],
  ['1.3 MB of < in a value', goJson(create({}, env('<'.repeat(1_300_000))))],
  ['as much of < as is stored, in an argument', goJson(create({}, container({ args: [angles] })))],
  ['… in an annotation', goJson(create({ annotations: { a: angles } }))],
  ['… in an image', goJson(create({}, { initContainers: [{ name: 'b', image: angles }] }))],
  ['as much of & as a request holds', goJson(create({}, env('&'.repeat(requestBytes - 1000))))],
  ['… of a control character', goJson(create({}, env('\u0001'.repeat(requestBytes - 1000))))],
  ['… of quotes', goJson(create({}, env('"'.repeat(requestBytes / 2))))],
  ['… of backslashes, and the old self', goJson(twice(env('\\'.repeat(stored))))],
  ['as much of < as is stored, and the old self', goJson(twice(env(angles)))],
  ['… beside é', goJson(create({ annotations: { é: 'é' } }, env(angles)))],
  ['brackets in a value', goJson(create({}, env('{['.repeat(requestBytes / 2 - 1000))))],
  ['brackets in an annotation', goJson(create({ annotations: { a: '{,'.repeat(stored / 2) } }))],
  ['sources of a volume', goJson(twice(volume({ projected: { sources } })))],
  ['… beside é', goJson(twice({ ...volume({ projected: { sources } }), hostname: 'é' }))],
  ['terms of affinity', goJson(twice(terms(stored / 2)))],
  ['tolerations', goJson(twice({ tolerations: Array(stored / 16).fill({ operator: 'Exists' }) }))],
  ['pull secrets', goJson(twice({ imagePullSecrets: Array(stored / 4).fill({}) }))],
  ['managedFields', goJson(create(fields(1000)))],
  [
    'managedFields, deep',
    put(
      create({ managedFields: '@' }),
      '@',
      `[{"fieldsV1":${'{"f:a":'.repeat(220_000)}{}${'}'.repeat(220_001)}]`
    )
  ]
]

/** What no honest author makes: see src/rules/limits.ts. */
const excessive: [string, string][] = [
  [
    '75,000 containers',
    goJson(
      create({}, { containers: Array.from({ length: 75_000 }, (_, i) => ({ name: `c${i}` })) })
    )
  ],
  [
    'labels',
    goJson(
      create({
        labels: {
          ...Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [i.toString(36), ''])),
          ...labels
        }
      })
    )
  ]
]

test('a review gets an answer, whatever its pod contains', async (t) => {
  const send = await start(t)
  const plain = await send(goJson(create({})))
  const annotated = await send(goJson(create({ annotations: { a: 'b' } })))
  const second = await send(goJson(create({}, { initContainers: [{ name: 'b', image: 'c' }] })))
  for (const one of [plain, annotated, second]) t.ok(Array.isArray(one.patch))
  for (const [what, body] of table) {
    const began = performance.now()
    const { status, patch } = await send(body)
    const ms = performance.now() - began
    const like = body.includes('"initContainers"')
      ? second
      : body.includes('"annotations"')
        ? annotated
        : plain
    t.equal(status, 200, what)
    t.strictSame(patch, like.patch, `${what}: the patch of an ordinary pod`)
    t.ok(ms < timeoutMs, `${what}: ${(body.length / 2 ** 20).toFixed(1)} MiB in ${ms.toFixed()} ms`)
  }
  for (const [what, body] of excessive) {
    const began = performance.now()
    const { status, text } = await send(body)
    t.equal(status, 200, what)
    t.match(JSON.parse(text), { response: { allowed: false, status: { code: 403 } } }, what)
    t.ok(performance.now() - began < timeoutMs, `${what}: in time`)
  }
})
