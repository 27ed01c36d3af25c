import { testPod, testReview } from './review.js'
import { labels } from './reviews.js'

/** The most that etcd stores of one object (--max-request-bytes) by default. */
const stored = 1.5 * 2 ** 20
/** The most that the API server reads of one request (MaxRequestBodyBytes). */
const requestBytes = 3 * 2 ** 20

/** As encoding/json of Go writes it: three characters are escaped everywhere, and both line separators. */
export const goJson = (value: unknown): string =>
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
/** An ordinary review of a new pod, with changes. */
export const create = (metadata: object, spec: object = {}) =>
  testReview(testPod({ labels, ...metadata }, spec))

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

/** Reviews that must get the patch of an ordinary pod. */
export const hostileReviews: readonly [what: string, body: string][] = [
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
export const excessiveReviews: readonly [what: string, body: string][] = [
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

/** Returns a review of an ordinary pod that has so many bytes. */
export function ordinaryReview(bytes: number): string {
  const body = (value: string) => goJson(create({}, env(value)))
  return body('x'.repeat(Math.max(0, bytes - body('').length)))
}
