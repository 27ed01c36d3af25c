import { test } from 'tap'
import type { PodFacts } from '../../../src/rules/facts.js'
import { learnedFrom, type ProfileState } from '../../../src/rules/profile-state.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { decide } from '../../../src/rules/decide.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { container, pod } from '../../helpers/decisions.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'

const labels = { 'secco.dev/learn': 'true' }
const ladder = { mode: 'enforce' } as const
const web = (change: Partial<ProfileState> = {}): ProfileState =>
  testProfile('shop', 'web.app', {
    container: 'app',
    workload: { kind: 'Deployment', name: 'web' },
    ladder,
    ...change
  })
/** Allows a call that RuntimeDefault denies. */
const wider = { ...testRevision('shop', 'web.app', 'a'), withinDefault: false }
const bare = { owner: '', name: 'web' }
const foo = testProfile('shop', 'foo')
const learnAll = (namespace?: string): SeccompRule =>
  testRule('all', { podSelector: {}, mode: 'learn' }, namespace)

type Row = [string, Partial<PodFacts>, SeccompRule[], ProfileState[], string]

/** The workload web, its profile, and what its container app gets; nothing names the profile. */
const table: Row[] = [
  ['no mode is set', { labels }, [], [web({ ladder: undefined } as never)], 'learn'],
  ['learn', { labels }, [], [web({ ladder: { mode: 'learn' } })], 'learn shop/web.app'],
  ['audit', { labels }, [], [web({ ladder: { mode: 'audit' } })], 'assigned shop/web.app audit'],
  ['enforce', { labels }, [], [web()], 'assigned shop/web.app enforce'],
  ['a rule of the namespace', {}, [learnAll('shop')], [web()], 'assigned shop/web.app enforce'],
  ['a rule of the cluster', {}, [learnAll()], [web()], 'assigned shop/web.app enforce'],
  [
    'not approved',
    { labels },
    [],
    [web({ approved: false })],
    'runtime-default shop/web.app enforce'
  ],
  ['learned from another container', { labels }, [], [web({ container: 'db' })], 'learn'],
  ['of another namespace', { labels }, [], [web({ namespace: 'bank' })], 'learn'],
  ['of another workload', { labels, owner: 'Deployment/api' }, [], [web()], 'learn'],
  ['a bare pod with the name of a Deployment', { labels, ...bare }, [], [web()], 'learn'],
  [
    'a bare pod',
    { labels, ...bare },
    [],
    [web({ workload: { kind: 'Pod', name: 'web' } })],
    'assigned shop/web.app enforce'
  ],
  ['another kind of owner', { labels, owner: 'Job/web' }, [], [web()], 'learn'],
  ['written by hand', { labels }, [], [web({ workload: undefined } as never)], 'learn'],
  [
    'learned from a workload whose name makes the same one',
    { labels },
    [],
    [web({ workload: { kind: 'Deployment', name: 'WEB' } })],
    'learn'
  ],
  [
    'a label, beyond RuntimeDefault',
    { labels },
    [],
    [web({ enforce: wider })],
    'assigned shop/web.app enforce'
  ],
  ...['shop', undefined].map(
    (home): Row => [
      `a rule of ${home ?? 'the cluster'}, beyond RuntimeDefault`,
      {},
      [learnAll(home)],
      [web({ enforce: wider })],
      'runtime-default shop/web.app learn'
    ]
  ),
  [
    'a rule and a label, beyond RuntimeDefault',
    { labels },
    [learnAll('shop')],
    [web({ enforce: wider })],
    'runtime-default shop/web.app learn'
  ],
  ...['shop', undefined].map(
    (home): Row => [
      `a rule of ${home ?? 'the cluster'}, and a label that names another profile`,
      { labels: { 'secco.dev/profile': 'foo' } },
      [learnAll(home)],
      [web(), foo],
      'assigned shop/foo enforce'
    ]
  ),
  [
    'a rule, and a label that names a profile for the container',
    { labels: { 'secco.dev/profile.app': 'foo' } },
    [learnAll('shop')],
    [web(), foo],
    'assigned shop/foo enforce'
  ],
  [
    'a rule, and a label that names a profile for another container',
    { labels: { 'secco.dev/profile.db': 'foo' } },
    [learnAll('shop')],
    [web(), foo],
    'assigned shop/web.app enforce'
  ],
  [
    'a rule, and a label that names the profile of another container',
    { labels: { 'secco.dev/profile': 'foo' } },
    [learnAll('shop')],
    [web(), { ...foo, container: 'db' }],
    'assigned shop/web.app enforce'
  ],
  ['a pod whose name comes later', { labels, owner: '', name: '' }, [], [web()], 'learn'],
  [
    'another profile is named',
    { labels: { ...labels, 'secco.dev/profile.app': 'other' } },
    [],
    [web(), testProfile('shop', 'other')],
    'learn shop/other'
  ]
]

test('a mode that a person set decides about pods that name no profile', (t) => {
  for (const [what, facts, rules, profiles, expected] of table) {
    const snapshot = buildSnapshot({ rules, profiles })
    const containers = [container({ name: 'app', index: 0 })]
    const owned = { namespace: 'shop', name: 'web-1', owner: 'Deployment/web', ...facts }
    const [given] = decide(snapshot, pod({ ...owned, containers })).containers
    const { outcome = '', profile = '', mode = '' } = given ?? {}
    const words = outcome === 'learn' ? [outcome, profile] : [outcome, profile, mode]
    t.equal(words.join(' ').trim(), expected, what)
  }
  t.end()
})

test('a state says what its profile was learned from', (t) => {
  const workload = { kind: 'Deployment', name: 'web' }
  for (const [spec, expected] of [
    [{}, {}],
    [{ workload }, { workload }],
    [{ workload: { ...workload, container: 'app' } }, { workload, container: 'app' }]
  ] as const) {
    t.same(learnedFrom({ spec }), expected)
  }
  t.end()
})
