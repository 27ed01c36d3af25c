import fc from 'fast-check'
import { test } from 'tap'
import { decide } from '../../../src/rules/decide.js'
import type { ContainerDecision, DecisionReason } from '../../../src/rules/decision.js'
import type { ContainerFacts } from '../../../src/rules/facts.js'
import { buildSnapshot, type SnapshotSource } from '../../../src/rules/snapshot.js'
import { container, pod } from '../../helpers/decisions.js'
import { runs } from '../../helpers/fuzz.js'
import { testProfile, testRule } from '../../helpers/rules.js'

/** A pod with an init container, a native sidecar, the application and a second container. */
const four = [
  container({ name: 'setup', kind: 'init', index: 0 }),
  container({ name: 'mesh', kind: 'init', index: 1 }),
  container({ name: 'srv', index: 0 }),
  container({ name: 'logs', index: 1 })
]
/** Profiles of one container each, one of every container, and one of a container that the pod does not have. */
const profiles = [
  testProfile('shop', 'multi.srv', { container: 'srv' }),
  testProfile('shop', 'multi.mesh', { container: 'mesh' }),
  testProfile('shop', 'multi.setup', { container: 'setup' }),
  testProfile('shop', 'written'),
  testProfile('shop', 'web.app', { container: 'app' }),
  testProfile('shop', 'draft.srv', { container: 'srv', approved: false }),
  testProfile('secco-system', 'shared.srv', { container: 'srv' })
]

const shown = ({ outcome, profile = '', reason }: ContainerDecision): string =>
  outcome === 'assigned'
    ? profile.replace('shop/', '')
    : outcome === 'learn'
      ? `learn ${profile.replace('shop/', '')}`.trim()
      : outcome === 'skipped'
        ? '-'
        : reason

const other: DecisionReason = 'other-container'
const profileLabel = 'secco.dev/profile'
const of = (name: string) => `${profileLabel}.${name}`
const all = { podSelector: {} }
type Row = [
  what: string,
  labels: Record<string, string>,
  rules: SnapshotSource['rules'],
  setup: string,
  mesh: string,
  srv: string,
  logs: string
]

const table: Row[] = [
  ['the label', { [profileLabel]: 'multi.srv' }, [], other, other, 'multi.srv', other],
  ['… of a sidecar', { [profileLabel]: 'multi.mesh' }, [], other, 'multi.mesh', other, other],
  [
    '… and one that names a container',
    { [profileLabel]: 'multi.srv', [of('mesh')]: 'multi.mesh' },
    [],
    ...([other, 'multi.mesh', 'multi.srv', other] as const)
  ],
  [
    'only one that names a container',
    { [of('setup')]: 'multi.setup' },
    [],
    ...(['multi.setup', other, other, other] as const)
  ],
  [
    'a container may be given the profile of another by its name',
    { [of('logs')]: 'multi.srv' },
    [],
    ...([other, other, other, 'multi.srv'] as const)
  ],
  [
    'a name that is no name',
    { [of('logs')]: '../x' },
    [],
    ...([other, other, other, 'unknown-profile'] as const)
  ],
  [
    'a profile without a container is for all',
    { [profileLabel]: 'written' },
    [],
    ...(['written', 'written', 'written', 'written'] as const)
  ],
  [
    'a profile of a container that the pod lacks',
    { [profileLabel]: 'web.app' },
    [],
    ...([other, other, other, other] as const)
  ],
  [
    'not approved yet',
    { [profileLabel]: 'draft.srv' },
    [],
    ...([other, other, 'not-approved', other] as const)
  ],
  [
    'of the root namespace',
    { [profileLabel]: 'shared.srv' },
    [],
    ...([other, other, 'secco-system/shared.srv', other] as const)
  ],
  [
    'unknown',
    { [profileLabel]: 'nobody' },
    [],
    ...(['unknown-profile', 'unknown-profile', 'unknown-profile', 'unknown-profile'] as const)
  ],
  [
    'learn into a profile that has a container',
    { [profileLabel]: 'multi.srv', 'secco.dev/learn': 'true' },
    [],
    ...(['learn', 'learn', 'learn multi.srv', 'learn'] as const)
  ],
  [
    'learn into a new profile: the first container',
    { [profileLabel]: 'new', 'secco.dev/learn': 'true' },
    [],
    ...(['learn', 'learn', 'learn new', 'learn'] as const)
  ],
  [
    'learn a container by its name',
    { [of('mesh')]: 'new', 'secco.dev/learn': 'true' },
    [],
    ...(['learn', 'learn new', 'learn', 'learn'] as const)
  ],
  [
    'a rule is about its profile’s container',
    {},
    [testRule('all', { ...all, profile: { namespace: 'shop', name: 'multi.srv' } }, 'shop')],
    ...([other, other, 'multi.srv', other] as const)
  ],
  [
    'a rule that names containers is about these',
    {},
    [
      testRule('all', {
        ...all,
        containers: ['srv', 'l*'],
        profile: { namespace: 'shop', name: 'multi.srv' }
      })
    ],
    ...(['-', '-', 'multi.srv', 'multi.srv'] as const)
  ],
  [
    'a rule of the root namespace is for every container, whatever their names',
    {},
    [
      testRule('all', {
        ...all,
        profile: { namespace: 'shop', name: 'multi.srv' }
      })
    ],
    ...(['multi.srv', 'multi.srv', 'multi.srv', 'multi.srv'] as const)
  ],
  [
    'a rule for each container',
    {},
    ['srv', 'mesh', 'setup'].map((name) =>
      testRule(name, { ...all, profile: { namespace: 'shop', name: `multi.${name}` } }, 'shop')
    ),
    ...(['multi.setup', 'multi.mesh', 'multi.srv', other] as const)
  ],
  [
    'whenNotReady is about the profile’s container',
    {},
    [
      testRule(
        'all',
        {
          ...{ ...all, whenNotReady: 'Deny' },
          profile: { namespace: 'shop', name: 'multi.srv' }
        },
        'shop'
      )
    ],
    ...([other, other, 'multi.srv', other] as const)
  ],
  [
    'a label for what a rule leaves',
    { [of('logs')]: 'written' },
    [testRule('all', { ...all, profile: { namespace: 'shop', name: 'multi.srv' } }, 'shop')],
    ...([other, other, 'multi.srv', 'written'] as const)
  ],
  [
    'a label for one container leaves the rule’s',
    { [profileLabel]: 'multi.mesh' },
    [testRule('all', { ...all, profile: { namespace: 'shop', name: 'multi.srv' } }, 'shop')],
    ...([other, 'multi.mesh', 'multi.srv', other] as const)
  ],
  [
    'a learning rule records the others',
    { [profileLabel]: 'multi.srv' },
    [testRule('all', { ...all, mode: 'learn' })],
    ...(['learn', 'learn', 'multi.srv', 'learn'] as const)
  ]
]

test('a container’s profile stays with its container', (t) => {
  for (const [what, labels, rules, ...expected] of table) {
    const snapshot = buildSnapshot({ profiles, rules: rules ?? [] })
    const { containers } = decide(snapshot, pod({ labels, containers: four }))
    t.same(containers.map(shown), expected, what)
  }
  t.end()
})

test('who is left out reads why, and what to do', (t) => {
  const warningsOf = (labels: Record<string, string>, containers = four) =>
    decide(buildSnapshot({ profiles }), pod({ labels, containers })).warnings
  t.same(warningsOf({ [profileLabel]: 'multi.srv' }).slice(0, 1), [
    'secco: setup: RuntimeDefault: profile shop/multi.srv is of another container; ' +
      'the label secco.dev/profile.setup gives this container one of its own (label secco.dev/profile)'
  ])
  const long = 'a'.repeat(63)
  t.match(warningsOf({ [profileLabel]: 'multi.srv' }, [container({ name: long })]), [
    /a rule with spec.containers gives this container one of its own/
  ])
  t.end()
})

test('whatever labels and profiles: no container gets a profile of another without being named', (t) => {
  const names = four.map(({ name }) => name)
  const profileNames = [...profiles.map(({ name }) => name), 'nobody', '../x']
  const own = new Map(profiles.map((one) => [`${one.namespace}/${one.name}`, one.container]))
  const labelsArbitrary = fc.dictionary(
    fc.constantFrom(profileLabel, 'secco.dev/learn', ...names.map(of)),
    fc.constantFrom(...profileNames, 'true')
  )
  const ruleArbitrary = fc.record({
    profile: fc.constantFrom(...profileNames),
    containers: fc.option(fc.constantFrom(['srv'], ['m*'], ['*']), { nil: undefined }),
    mode: fc.constantFrom('learn' as const, 'audit' as const, 'enforce' as const)
  })
  let besides = 0
  const law = fc.property(
    labelsArbitrary,
    fc.array(ruleArbitrary, { maxLength: 3 }),
    fc.subarray<ContainerFacts>(four, { minLength: 1 }),
    (labels, specs, containers) => {
      const rules = specs.map(({ profile, containers: named, mode }, i) =>
        testRule(
          `r${i}`,
          {
            ...{ ...all, mode, profile: { namespace: 'shop', name: profile } },
            ...(named === undefined ? {} : { containers: [...named] })
          },
          'shop'
        )
      )
      const decision = decide(buildSnapshot({ profiles, rules }), pod({ labels, containers }))
      return decision.containers.every(
        ({ container: name, outcome, profile = '', rule = '', reason }) => {
          if (reason === other) besides += 1
          if (outcome !== 'assigned' || own.get(profile) === undefined) return true
          const spec = specs[Number(/r(\d)$/.exec(rule)?.[1])]
          return (
            own.get(profile) === name ||
            rule === `label ${of(name)}` ||
            spec?.containers !== undefined
          )
        }
      )
    }
  )
  t.doesNotThrow(() => fc.assert(law, { numRuns: runs(500) }))
  t.ok(besides > 0, `${besides} containers next to the one of a profile`)
  t.end()
})
