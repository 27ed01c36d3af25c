import fc from 'fast-check'
import { test } from 'tap'
import { decide } from '../../../src/rules/decide.js'
import type { PodFacts } from '../../../src/rules/facts.js'
import type { NodeFacts } from '../../../src/rules/node-facts.js'
import {
  anywhere,
  compilePlacement,
  couldRun,
  type Placement
} from '../../../src/rules/placement.js'
import { createReach } from '../../../src/rules/reach.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { topmostOwner } from '../../../src/rules/topmost-owner.js'
import { runs } from '../../helpers/fuzz.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'

function node(name: string, change: Partial<NodeFacts> = {}): NodeFacts {
  const labels = { 'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': name, ...change.labels }
  return { name, taints: [], unschedulable: false, ...change, labels }
}

const mapOf = (nodes: NodeFacts[]) => new Map(nodes.map((one) => [one.name, one]))
const required = (...nodeSelectorTerms: unknown[]) => ({
  nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } }
})
const expression = (key: string, operator: string, ...values: string[]) => ({
  matchExpressions: [{ key, operator, ...(values.length > 0 ? { values } : {}) }]
})
const taint = (key: string, effect: string, value = '') => ({ key, value, effect })
const place = (change: Partial<Placement>): Placement => ({ ...anywhere, ...change })

test('where a pod could run', (t) => {
  const ssd = node('a', { labels: { disk: 'ssd', cores: '16', odd: 'many' } })
  const gpu = node('g', { taints: [taint('gpu', 'NoSchedule', 'yes')] })
  const cordoned = node('c', { unschedulable: true })
  const cases: [string, NodeFacts, Partial<Placement>, boolean][] = [
    ['no wishes', ssd, {}, true],
    ['named', ssd, { nodeName: 'a' }, true],
    ['named, another', ssd, { nodeName: 'b' }, false],
    ['named in spite of a taint', gpu, { nodeName: 'g' }, true],
    ['named, unset', ssd, { nodeName: '' }, true],
    ['selector', ssd, { nodeSelector: { disk: 'ssd' } }, true],
    ['selector, other value', ssd, { nodeSelector: { disk: 'hdd' } }, false],
    ['selector, inherited key', ssd, { nodeSelector: { constructor: 'x' } }, false],
    ['In', ssd, { affinity: required(expression('disk', 'In', 'hdd', 'ssd')) }, true],
    ['In, absent', ssd, { affinity: required(expression('zone', 'In', 'x')) }, false],
    ['NotIn', ssd, { affinity: required(expression('disk', 'NotIn', 'ssd')) }, false],
    ['NotIn, absent', ssd, { affinity: required(expression('zone', 'NotIn', 'x')) }, true],
    ['Exists', ssd, { affinity: required(expression('disk', 'Exists')) }, true],
    ['DoesNotExist', ssd, { affinity: required(expression('disk', 'DoesNotExist')) }, false],
    ['Gt', ssd, { affinity: required(expression('cores', 'Gt', '8')) }, true],
    ['Gt, equal', ssd, { affinity: required(expression('cores', 'Gt', '16')) }, false],
    ['Lt', ssd, { affinity: required(expression('cores', 'Lt', '17')) }, true],
    ['Lt, no number', ssd, { affinity: required(expression('odd', 'Lt', '17')) }, false],
    [
      'terms are alternatives',
      ssd,
      { affinity: required(expression('disk', 'DoesNotExist'), expression('disk', 'Exists')) },
      true
    ],
    ['no term', ssd, { affinity: required() }, false],
    ['an empty term', ssd, { affinity: required({}) }, false],
    [
      'a DaemonSet’s pod',
      ssd,
      {
        affinity: required({
          matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }]
        })
      },
      true
    ],
    [
      'of another node',
      ssd,
      {
        affinity: required({
          matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }]
        })
      },
      false
    ],
    [
      'preferred only',
      ssd,
      { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } } },
      true
    ],
    ['tainted', gpu, {}, false],
    [
      'tolerated by value',
      gpu,
      { tolerations: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] },
      true
    ],
    ['tolerated, wrong value', gpu, { tolerations: [{ key: 'gpu', value: 'no' }] }, false],
    ['tolerated by key', gpu, { tolerations: [{ key: 'gpu', operator: 'Exists' }] }, true],
    [
      'tolerated, wrong effect',
      gpu,
      { tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoExecute' }] },
      false
    ],
    ['everything is tolerated', gpu, { tolerations: [{ operator: 'Exists' }] }, true],
    ['cordoned', cordoned, {}, false],
    [
      'cordoned, a DaemonSet',
      cordoned,
      {
        tolerations: [
          { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' }
        ]
      },
      true
    ],
    ['preferably not', node('p', { taints: [taint('busy', 'PreferNoSchedule')] }), {}, true],
    ['NoExecute', node('x', { taints: [taint('down', 'NoExecute')] }), {}, false],
    ['Windows', node('w', { labels: { 'kubernetes.io/os': 'windows' } }), {}, false],
    [
      'Windows by name',
      node('w', { labels: { 'kubernetes.io/os': 'windows' } }),
      { nodeName: 'w' },
      false
    ],
    [
      'nonsense is not understood',
      ssd,
      { affinity: 'x', tolerations: 7, nodeSelector: 'ssd'.length },
      true
    ]
  ]
  for (const [name, where, placement, expected] of cases) {
    t.equal(couldRun(compilePlacement(place(placement)), where), expected, name)
  }
  t.end()
})

/** The scheduler's own filters, written as its documentation says them, with no care for cost. */
function slowCouldRun(placement: Placement, where: NodeFacts): boolean {
  const { nodeName, nodeSelector, affinity, tolerations } = placement as {
    nodeName?: string
    nodeSelector?: Record<string, string>
    affinity?: ReturnType<typeof required>
    tolerations?: { key?: string; operator?: string; value?: string; effect?: string }[]
  }
  if (where.labels['kubernetes.io/os'] === 'windows') return false
  if (nodeName) return where.name === nodeName
  const labels = new Map(Object.entries(where.labels))
  if (nodeSelector && !Object.entries(nodeSelector).every(([k, v]) => labels.get(k) === v))
    return false
  const terms =
    affinity?.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms
  type Expression = { key: string; operator: string; values?: string[] }
  type Term = { matchExpressions?: Expression[]; matchFields?: Expression[] }
  const holds = (one: Expression, value: string | undefined): boolean => {
    const values = one.values ?? []
    if (one.operator === 'DoesNotExist') return value === undefined
    if (one.operator === 'NotIn') return value === undefined || values.indexOf(value) === -1
    if (value === undefined) return false
    if (one.operator === 'Exists') return true
    if (one.operator === 'In') return values.indexOf(value) !== -1
    const [left, right] = [Number.parseInt(value, 10), Number.parseInt(values[0] ?? '', 10)]
    if (String(left) !== value || String(right) !== values[0]) return false
    return one.operator === 'Gt' ? left > right : left < right
  }
  if (terms !== undefined) {
    let any = false
    for (const term of terms as Term[]) {
      const expressions = term.matchExpressions ?? []
      const fields = term.matchFields ?? []
      if (expressions.length + fields.length === 0) continue
      const all =
        expressions.every((one) => holds(one, labels.get(one.key))) &&
        fields.every((one) => holds(one, one.key === 'metadata.name' ? where.name : undefined))
      any ||= all
    }
    if (!any) return false
  }
  const taints = [...where.taints]
  if (where.unschedulable) taints.push(taint('node.kubernetes.io/unschedulable', 'NoSchedule'))
  for (const one of taints) {
    if (one.effect === 'PreferNoSchedule') continue
    const tolerated = (tolerations ?? []).filter((toleration) => {
      const effect = toleration.effect ?? ''
      const key = toleration.key ?? ''
      if (effect !== '' && effect !== one.effect) return false
      if (toleration.operator === 'Exists') return key === '' || key === one.key
      return key === one.key && (toleration.value ?? '') === one.value
    })
    if (tolerated.length === 0) return false
  }
  return true
}

const key = fc.constantFrom('zone', 'disk', 'cores', 'kubernetes.io/os')
const value = fc.constantFrom('a', 'b', '1', '12', 'windows', 'linux')
const effect = fc.constantFrom('NoSchedule', 'NoExecute', 'PreferNoSchedule')
const randomNode = fc.record({
  name: fc.constantFrom('n1', 'n2', 'n3'),
  labels: fc.dictionary(key, value, { maxKeys: 4, noNullPrototype: true }),
  taints: fc.array(fc.record({ key, value: fc.constantFrom('', 'a'), effect }), { maxLength: 3 }),
  unschedulable: fc.boolean()
})
const randomExpression = fc.oneof(
  fc.record({
    key,
    operator: fc.constantFrom('In', 'NotIn'),
    values: fc.array(value, { minLength: 1, maxLength: 3 })
  }),
  fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
  fc.record({ key, operator: fc.constantFrom('Gt', 'Lt'), values: fc.tuple(value) })
)
const randomField = fc.record({
  key: fc.constant('metadata.name'),
  operator: fc.constantFrom('In', 'NotIn'),
  values: fc.tuple(fc.constantFrom('n1', 'n2'))
})
const randomTerm = fc.record(
  {
    matchExpressions: fc.array(randomExpression, { maxLength: 2 }),
    matchFields: fc.array(randomField, { maxLength: 1 })
  },
  { requiredKeys: [] }
)
const randomToleration = fc.record(
  {
    key: fc.oneof(key, fc.constant('node.kubernetes.io/unschedulable')),
    operator: fc.constantFrom('Exists', 'Equal'),
    value: fc.constantFrom('', 'a'),
    effect
  },
  { requiredKeys: ['key'] }
)
const randomPlacement = fc.record(
  {
    nodeName: fc.constantFrom('', 'n1', 'n2'),
    nodeSelector: fc.dictionary(key, value, { maxKeys: 2, noNullPrototype: true }),
    affinity: fc.array(randomTerm, { maxLength: 3 }).map((terms) => required(...terms)),
    tolerations: fc.array(fc.oneof(randomToleration, fc.constant({ operator: 'Exists' })), {
      maxLength: 3
    })
  },
  { requiredKeys: [] }
)

test('where a pod could run, against the slow way', (t) => {
  let fits = 0
  let all = 0
  fc.assert(
    fc.property(randomPlacement, randomNode, (given, where) => {
      const placement = place(given)
      const expected = slowCouldRun(placement, where)
      all += 1
      if (expected) fits += 1
      return couldRun(compilePlacement(placement), where) === expected
    }),
    { numRuns: runs(2000) }
  )
  t.ok(fits > all / 20 && fits < (all * 19) / 20, `${fits} of ${all} fit: both answers are met`)
  t.end()
})

test('a revision is for a pod when every node that could run it has the file', (t) => {
  const nodes = mapOf(
    ['a', 'b', 'c', 'd', 'e'].map((name) =>
      node(name, { labels: { pool: name < 'c' ? 'web' : 'batch' } })
    )
  )
  const revision = (...lacking: string[]) => ({
    ...testRevision('shop', 'x', 'a', lacking.length === 0),
    lacking
  })
  const web = place({ nodeSelector: { pool: 'web' } })
  const nowhere = place({ nodeSelector: { pool: 'gpu' } })
  const joining = { nodes, joinTainted: true }
  const open = { nodes, joinTainted: false }
  t.ok(createReach(open, anywhere).has(revision()), 'everybody has it')
  t.notOk(createReach(open, anywhere).has(revision('c')), 'one of all lacks it')
  t.ok(createReach(open, web).has(revision('c')), 'the one that lacks it could not run the pod')
  t.notOk(createReach(open, web).has(revision('b')), 'it could')
  t.notOk(createReach(open, nowhere).has(revision('c')), 'a node to come has no file')
  t.ok(
    createReach(joining, nowhere).has(revision('c')),
    'unless it waits behind the start-up taint'
  )
  t.notOk(createReach(open, nowhere).has(revision()), 'nor when everybody has it who is there')
  t.notOk(
    createReach(joining, place({ nodeName: 'z' })).has(revision()),
    'a name passes by the taint'
  )
  t.ok(createReach(open, place({ nodeName: 'a' })).has(revision('b', 'c', 'd', 'e')))
  t.notOk(createReach(joining, web).has(revision('a', 'b', 'c', 'd', 'e')), 'nobody has it')
  t.ok(
    createReach({ nodes: new Map(), joinTainted: false }, web).has(testRevision('shop', 'x', 'a')),
    'nodes not known'
  )
  const plain = testRevision('shop', 'x', 'a')
  t.ok(createReach(open, nowhere).has(plain), 'a state without nodes is for all or none')
  t.same(createReach(open, anywhere).lacking(revision('a', 'b', 'c', 'd')), {
    names: ['a', 'b', 'c'],
    more: true
  })
  t.same(createReach(open, web).lacking(revision('b', 'c')), { names: ['b'], more: false })
  t.end()
})

test('the decision says which nodes are missing', (t) => {
  const lacking = (digit: string, ...names: string[]) => ({
    ...testRevision('shop', 'checkout.app', digit, names.length === 0),
    lacking: names
  })
  const container = {
    name: 'app',
    image: 'nginx',
    kind: 'container',
    index: 0,
    hasSecurityContext: false
  } as const
  const pod = (placement: Partial<Placement>): PodFacts => ({
    ...{ operation: 'CREATE', subresource: '', namespace: 'shop', name: 'web-1', owner: '' },
    ...{ labels: { app: 'web' }, hasMetadata: true, annotations: undefined },
    ...{ hasPodSecurityContext: false, podSeccomp: undefined, windows: false, mirror: false },
    containers: [{ ...container, seccomp: undefined, privileged: false, existed: false }],
    placement: place(placement)
  })
  const decideWith = (whenNotReady: 'RuntimeDefault' | 'Previous' | 'Deny', placement = {}) =>
    decide(
      buildSnapshot({
        rules: [
          testRule('web', {
            podSelector: { matchLabels: { app: 'web' } },
            profile: { name: 'checkout.app', namespace: 'shop' },
            whenNotReady
          })
        ],
        profiles: [
          testProfile('shop', 'checkout.app', {
            enforce: lacking('a', 'n2'),
            previous: lacking('c')
          })
        ],
        nodes: mapOf([node('n1'), node('n2')])
      }),
      pod(placement)
    )
  const waits = decideWith('RuntimeDefault')
  t.equal(waits.reason, 'not-ready')
  t.match(waits.warnings[0], /RuntimeDefault: profile shop\/checkout\.app has not reached n2 yet/)
  t.equal(
    decideWith('RuntimeDefault', { nodeName: 'n1' }).reason,
    'ready',
    'where it is, it is used'
  )
  const previous = decideWith('Previous')
  t.equal(previous.containers[0]?.revision, testRevision('shop', 'checkout.app', 'c').digest)
  t.match(previous.warnings[0], /the newest has not reached n2/)
  const denied = decideWith('Deny')
  t.equal(denied.allowed, false)
  t.match(
    denied.message,
    /has not reached n2 yet, and rule secco-system\/web has whenNotReady: Deny/
  )
  t.end()
})

test('the topmost owner by reference and name', (t) => {
  const hash = { 'pod-template-hash': '5d4f8c7b9' }
  const cases: [string, string, Record<string, string>, string][] = [
    ['ReplicaSet', 'web-5d4f8c7b9', hash, 'Deployment/web'],
    ['ReplicaSet', 'web-5d4f8c7b9', {}, 'ReplicaSet/web-5d4f8c7b9'],
    ['ReplicaSet', 'other', hash, 'ReplicaSet/other'],
    ['Job', 'backup-29412345', {}, 'CronJob/backup'],
    ['Job', 'backup', {}, 'Job/backup'],
    ['Job', 'import-2024', {}, 'Job/import-2024'],
    ['StatefulSet', 'db', {}, 'StatefulSet/db'],
    ['Rollout', 'web', hash, 'Rollout/web']
  ]
  for (const [kind, name, labels, expected] of cases) {
    const owner = topmostOwner({ kind, name }, labels)
    t.equal(`${owner.kind}/${owner.name}`, expected)
  }
  t.end()
})
