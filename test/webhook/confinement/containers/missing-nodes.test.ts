import { test } from 'tap'
import {
  awayNodesOf,
  missingNodesOf,
  namedMissing,
  nodeCoverage,
  unlistedNodes
} from '../../../../webhook/confinement/containers/missing-nodes.js'
import type {
  ConfinementSources,
  ExpectedNodes
} from '../../../../webhook/confinement/containers/sources.js'

const lastSeen = '2026-11-25T10:00:00Z'

/** A hub that knows these nodes, and what there should be besides. */
function sourcesOf(
  nodes: readonly object[],
  complete: readonly string[],
  expected: Partial<ExpectedNodes> = {}
) {
  const inventory = { isComplete: (name: string) => complete.includes(name) }
  const none = { names: () => [], isRemoved: () => false, hasPod: () => false }
  return {
    hub: { nodes: () => nodes, inventory } as unknown as ConfinementSources['hub'],
    expected: { ...none, ...expected }
  }
}

test('a list names its nodes that do not report, also those that the hub has forgotten', (t) => {
  const node = (name: string, connected: boolean) => ({ name, connected, lastSeen })
  const nodes = [node('here', true), node('away', false), node('empty', false)]
  const table: [listed: string[], expected: { name: string; lastSeen: string }[]][] = [
    [[], []],
    [['here', ''], []],
    [['here', 'away', 'away'], [{ name: 'away', lastSeen }]],
    [
      ['forgotten', 'away', 'here'],
      [
        { name: 'away', lastSeen },
        { name: 'forgotten', lastSeen: '' }
      ]
    ]
  ]
  for (const [listed, expected] of table) {
    const named = listed.map((one) => ({ node: one }))
    t.strictSame(awayNodesOf(nodes, named), expected, listed.join())
  }
  t.end()
})

const missingRows = [
  ['a node that reports', { connected: true }, { complete: true }, undefined],
  [
    'one that is connected, and has not listed its containers',
    { connected: true },
    {},
    {
      lastSeen: '',
      listed: false,
      why: 'connected, and its list of containers is not complete yet'
    }
  ],
  [
    'one that is away, whose containers are still listed',
    { connected: false },
    { complete: true },
    { lastSeen, listed: true, why: `no report since ${lastSeen}` }
  ],
  [
    'one that is away for long',
    { connected: false },
    {},
    { lastSeen, listed: false, why: `no report since ${lastSeen}` }
  ],
  [
    'one that an earlier hub knew',
    { connected: false, inherited: true },
    {},
    { lastSeen, listed: false, why: `not reported yet, last seen ${lastSeen}` }
  ],
  ['one that was removed', { connected: false }, { removed: true }, undefined],
  [
    'one that was removed, and is connected all the same',
    { connected: true },
    { removed: true },
    { listed: false }
  ]
] as const

for (const [
  what,
  state,
  { complete = false, removed = false },
  expected
] of missingRows as readonly (readonly [
  string,
  object,
  { complete?: boolean; removed?: boolean },
  object | undefined
])[]) {
  test(`a missing node: ${what}`, (t) => {
    const sources = sourcesOf([{ name: 'n1', lastSeen, ...state }], complete ? ['n1'] : [], {
      isRemoved: () => removed
    })
    const found = missingNodesOf(sources)
    if (expected === undefined) t.strictSame(found, [])
    else t.match(found, [{ name: 'n1', ...expected }])
    t.end()
  })
}

test('a node that should report and never did is missing', (t) => {
  const here = { name: 'n2', connected: true, lastSeen }
  const sources = sourcesOf([here], ['n2'], { names: () => ['n3', 'n2', 'n1'] })
  const never = { lastSeen: '', listed: false, why: 'not reported yet' }
  t.strictSame(missingNodesOf(sources), [
    { name: 'n1', ...never },
    { name: 'n3', ...never }
  ])
  t.equal(unlistedNodes(sources), 2)
  t.strictSame(missingNodesOf({ hub: sources.hub }).length, 0, 'outside a cluster: the known ones')
  t.end()
})

test('an answer says which nodes it is about, with the names that the person may know', (t) => {
  const known = [
    { name: 'n1', connected: true, lastSeen },
    { name: 'n2', connected: false, lastSeen }
  ]
  const sources = sourcesOf(known, ['n1', 'n2'], {
    names: () => ['n1', 'n2', 'n3', 'n4'],
    hasPod: (node, sees) => node === 'n3' && sees('shop')
  })
  const namesOf = (sees: (namespace: string) => boolean, listed: { node: string }[] = []) =>
    nodeCoverage(sources, listed, sees).notReporting.map(({ name }) => name)
  const whole = nodeCoverage(sources, [{ node: 'n2' }], () => true)
  t.match(whole, { reportingNodes: 1, missingNodes: 2, awayNodes: [{ name: 'n2', lastSeen }] })
  t.strictSame(
    namesOf(() => true),
    ['n2', 'n3', 'n4']
  )
  const shop = (namespace: string) => namespace === 'shop'
  t.strictSame(namesOf(shop), ['n3'], 'a pod of the namespace is there')
  t.strictSame(namesOf(shop, [{ node: 'n2' }]), ['n2', 'n3'], 'a container of it was listed there')
  const other = nodeCoverage(sources, [], () => false)
  t.match(other, { missingNodes: 2, notReporting: [] }, 'the number is for everyone')
  t.end()
})

test('nodes in a sentence: a few by name, and how many more', (t) => {
  const nodes = Array.from({ length: 10 }, (_, at) => ({ name: `n${at}`, why: 'away' }))
  t.equal(namedMissing([]), '')
  t.equal(namedMissing(nodes.slice(0, 2)), 'n0 (away), n1 (away)')
  t.match(namedMissing(nodes), /^n0 .*n7 \(away\), and 2 more$/)
  t.match(
    namedMissing(nodes.slice(0, 1), 3),
    /^n0 \(away\), and 2 more$/,
    'of which some are not named'
  )
  t.end()
})
