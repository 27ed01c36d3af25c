/** The most that the API server reads of one request (MaxRequestBodyBytes). */
const requestBytes = 3 * 2 ** 20

const pod = (metadata: object, spec: object = {}) => ({
  ...{ apiVersion: 'v1', kind: 'Pod' },
  metadata: { generateName: 'evil-', labels: { app: 'web' }, ...metadata },
  spec: { containers: [{ name: 'app', image: 'web:1' }], ...spec }
})
const keyed = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i.toString(36)}`, '']))
const container = (change: object) => ({ containers: [{ name: 'app', image: 'web:1', ...change }] })
const poison = JSON.parse('{"__proto__":"x"}') as object
const csi = { driver: 'd.example.com', volumeAttributes: poison }

/**
 * Pods that were ways around the webhook and that the API server would store: the first reads too long, the webhook's
 * parser rejected the others.
 */
export const podsAroundWebhook: readonly [what: string, pod: Record<string, unknown>][] = [
  ['1.3 MB of <', pod({}, container({ env: [{ name: 'A', value: '<'.repeat(1_300_000) }] }))],
  ['a member __proto__ of a free-form map', pod({}, { volumes: [{ name: 'v', csi }] })],
  [
    '… of another',
    pod({}, { volumes: [{ name: 'v', flexVolume: { driver: csi.driver, options: poison } }] })
  ],
  ['an ordinary pod', pod({})]
]

/** encoding/json of Go reads 10,000 levels (maxNestingDepth in scanner.go). */
const depth = 9900
const angles = '<'.repeat(requestBytes - 1000)

/**
 * Pods that an author without any rights on Secco can send. Validation comes after the webhook, so that it reviews those
 * that are not valid, too. The API server alone spends seconds on more containers, labels or empty volumes before it
 * asks any webhook (managedFields): a larger pod attacks the API server, and is no more work for the webhook.
 */
export const hostilePods: readonly [what: string, body: string][] = [
  ['an annotation of <', JSON.stringify(pod({ annotations: { a: angles } }))],
  [
    'a value of <, as much as is stored',
    JSON.stringify(pod({}, container({ env: [{ name: 'A', value: '<'.repeat(1_300_000) }] })))
  ],
  ['an image of <', JSON.stringify(pod({}, container({ image: angles })))],
  ['arguments', JSON.stringify(pod({}, container({ args: Array(300_000).fill('<') })))],
  [
    '4,000 containers',
    JSON.stringify(
      pod(
        {},
        { containers: Array.from({ length: 4000 }, (_, i) => ({ name: `c${i}`, image: 'i' })) }
      )
    )
  ],
  ['30,000 labels', JSON.stringify(pod({ labels: { ...keyed(30_000), app: 'web' } }))],
  ['30,000 annotations', JSON.stringify(pod({ annotations: keyed(30_000) }))],
  [
    '50,000 tolerations',
    JSON.stringify(pod({}, { tolerations: Array(50_000).fill({ operator: 'Exists' }) }))
  ],
  ['__proto__', JSON.stringify(pod({ annotations: poison }, { volumes: [{ name: 'v', csi }] }))],
  [
    'nesting',
    JSON.stringify(pod({ managedFields: [{ manager: 'm', fieldsV1: '@' }] })).replace(
      '"@"',
      () => `${'{"f:a":'.repeat(depth)}{}${'}'.repeat(depth)}`
    )
  ]
]
