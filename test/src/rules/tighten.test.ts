import { revisionPath } from '../../../src/api/names.js'
import fc from 'fast-check'
import { test } from 'tap'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { decide } from '../../../src/rules/decide.js'
import type { Decision } from '../../../src/rules/decision.js'
import type { PodFacts } from '../../../src/rules/facts.js'
import type { ProfileState } from '../../../src/rules/profile-state.js'
import { isStrange } from '../../../src/rules/secco-path.js'
import { buildSnapshot, type SnapshotSource } from '../../../src/rules/snapshot.js'
import { answersOf } from '../../../src/seccomp/filter/filter-answers.js'
import {
  isWithin,
  namesBeyond,
  passSetOf,
  runtimeDefaultPassSet
} from '../../../src/seccomp/filter/pass-set.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import { runs } from '../../helpers/fuzz.js'
import { callArguments, randomProfile } from '../../helpers/random-profile.js'
import { testRule } from '../../helpers/rules.js'
import { matchLists } from '../../helpers/match-lists.js'

/** A small world: calls a to d are RuntimeDefault's, y and z are beyond it. */
const everything = ['a', 'b', 'c', 'd', 'y', 'z'] as const
type Call = (typeof everything)[number]
const byDefault: readonly Call[] = ['a', 'b', 'c', 'd']

interface World {
  states: ProfileState[]
  /** What a digest allows. */
  sets: Map<string, ReadonlySet<string>>
}

const names = ['one', 'two'] as const
const profileArbitrary = fc.record({
  namespace: fc.constantFrom('secco-system', 'shop'),
  name: fc.constantFrom(...names),
  container: fc.option(fc.constantFrom('app', 'other'), { nil: undefined }),
  enforce: fc.subarray([...everything]),
  previous: fc.option(fc.subarray([...everything])),
  approved: fc.boolean(),
  ready: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean())
})

function worldOf(
  given: readonly (typeof profileArbitrary extends fc.Arbitrary<infer T> ? T : never)[]
): World {
  const sets = new Map<string, ReadonlySet<string>>([['runtime-default', new Set(byDefault)]])
  const states = new Map<string, ProfileState>()
  let count = 0
  for (const { namespace, name, container, enforce, previous, approved, ready } of given) {
    const revision = (set: readonly string[], isReady: boolean) => {
      count += 1
      const digest = `sha256:${count.toString(16).padStart(64, '0')}`
      sets.set(digest, new Set(set))
      const withinDefault = set.every((call) => (byDefault as readonly string[]).includes(call))
      return { digest, path: revisionPath(namespace, name, digest), ready: isReady, withinDefault }
    }
    states.set(`${namespace}/${name}`, {
      ...{ namespace, name, approved, ...(container === undefined ? {} : { container }) },
      enforce: revision(enforce, ready[0]),
      audit: revision([...new Set([...enforce, ...byDefault])], ready[1]),
      ...(previous === null ? {} : { previous: revision(previous, ready[2]) })
    })
  }
  return { states: [...states.values()], sets }
}

const ruleArbitrary = (namespace: 'secco-system' | 'shop') =>
  fc
    .record({
      id: fc.nat(99),
      mode: fc.constantFrom('learn' as const, 'audit' as const, 'enforce' as const),
      name: fc.constantFrom(...names, 'absent'),
      stated: fc.option(fc.constantFrom('shop', 'secco-system'), { nil: undefined }),
      whenNotReady: fc.constantFrom(
        'RuntimeDefault' as const,
        'Previous' as const,
        'Deny' as const
      ),
      priority: fc.integer({ min: -3, max: 3 }),
      containers: fc.option(fc.constantFrom(['app'], ['a*'], ['other'], ['*']), { nil: undefined }),
      all: fc.boolean()
    })
    .map(({ id, mode, name, stated, whenNotReady, priority, containers, all }): SeccompRule => {
      const profile = { name, ...(stated === undefined ? {} : { namespace: stated }) }
      return testRule(
        `r${id}`,
        {
          ...{ mode, whenNotReady, priority, profile },
          ...(containers === undefined ? {} : { containers: [...containers] }),
          ...(all ? {} : { podSelector: { matchLabels: { app: 'web' } } })
        },
        namespace
      )
    })

const labelsArbitrary = fc.record(
  {
    'secco.dev/profile': fc.constantFrom(...names, 'absent', '../etc'),
    'secco.dev/profile.app': fc.constantFrom(...names, 'absent'),
    'secco.dev/profile.other': fc.constantFrom(...names),
    'secco.dev/learn': fc.constantFrom('true', 'false'),
    'secco.dev/ignore': fc.constantFrom('true', 'false')
  },
  { requiredKeys: [] }
)

const authorArbitrary = fc.constantFrom('none', 'RuntimeDefault', 'Unconfined', 'Localhost')

function podOf(author: string, labels: Record<string, string>): PodFacts {
  const profile =
    author === 'Localhost'
      ? { type: author, localhostProfile: 'mine.json' }
      : author === 'none'
        ? undefined
        : { type: author }
  return {
    ...{ operation: 'CREATE', subresource: '', namespace: 'shop', name: 'web-1', owner: '' },
    labels: { app: 'web', ...labels },
    ...{ hasMetadata: true, annotations: undefined, hasPodSecurityContext: false },
    podSeccomp: undefined,
    containers: [
      {
        ...{
          name: 'app',
          image: 'nginx',
          kind: 'container',
          index: 0,
          hasSecurityContext: profile !== undefined
        },
        ...{ seccomp: profile, privileged: false, existed: false }
      }
    ],
    placement: {
      nodeName: undefined,
      nodeSelector: undefined,
      affinity: undefined,
      tolerations: undefined
    },
    ...{ windows: false, mirror: false }
  }
}

/** What the container may do in the end. */
function allowedBy(decision: Decision, author: string, { sets }: World): ReadonlySet<string> {
  if (!decision.allowed) return new Set()
  const own =
    author === 'Localhost'
      ? new Set(['file'])
      : new Set<string>(author === 'RuntimeDefault' ? byDefault : [...everything, 'anything'])
  const [one] = decision.containers
  if (one === undefined || one.outcome === 'skipped' || one.outcome === 'kept') return own
  if (one.outcome !== 'assigned') return new Set(byDefault)
  return sets.get(one.revision ?? '') ?? new Set(['unknown'])
}

const isSubset = (inner: ReadonlySet<string>, outer: ReadonlySet<string>) =>
  // Nobody knows what the author's own file allows: only denying is less.
  outer.has('file')
    ? inner.has('file') || inner.size === 0 || !inner.has('anything')
    : [...inner].every((one) => outer.has(one))

test('whatever the workload’s people write, nothing becomes wider than without it', (t) => {
  // With fewer the two counts below would be chance.
  const tries = Math.max(1000, runs(1000))
  let tightened = 0
  let denied = 0
  fc.assert(
    fc.property(
      fc.array(profileArbitrary, { maxLength: 4 }),
      fc.array(ruleArbitrary('secco-system'), { maxLength: 3 }),
      fc.array(ruleArbitrary('shop'), { maxLength: 3 }),
      labelsArbitrary,
      authorArbitrary,
      // Comparisons may be unsure: then they say no.
      fc.boolean(),
      (profiles, root, own, labels, author, unsure) => {
        const world = worldOf(profiles)
        const within: SnapshotSource['within'] = (inner, outer) => {
          const [left, right] = [world.sets.get(inner), world.sets.get(outer)]
          if (unsure || left === undefined || right === undefined) return false
          return [...left].every((call) => right.has(call))
        }
        const source = { profiles: world.states, within }
        const without = decide(buildSnapshot({ ...source, rules: root }), podOf(author, {}))
        const withAll = decide(
          buildSnapshot({ ...source, rules: [...root, ...own] }),
          podOf(author, labels)
        )
        const before = allowedBy(without, author, world)
        const after = allowedBy(withAll, author, world)
        if (after.size < before.size) tightened += 1
        if (withAll.containers.some((one) => one.loosening !== undefined)) denied += 1
        return isSubset(after, before)
      }
    ),
    { numRuns: tries }
  )
  t.ok(tightened > tries / 40, `${tightened} became narrower`)
  t.ok(denied > tries / 300, `${denied} had a rule or label that would have loosened`)
  t.end()
})

test('a tenant’s profile behind a name that the root’s rule leaves open stays within RuntimeDefault', (t) => {
  const rules = [testRule('all', { profile: { name: 'one' } })]
  const state = (enforce: Call[]) =>
    worldOf([
      {
        namespace: 'shop',
        name: 'one',
        container: undefined,
        enforce,
        previous: null,
        approved: true,
        ready: [true, true, true]
      }
    ])
  const narrow = state(['a'])
  matchLists(t, decide(buildSnapshot({ rules, profiles: narrow.states }), podOf('none', {})), {
    reason: 'ready',
    containers: [{ outcome: 'assigned' }]
  })
  const wide = state(['a', 'z'])
  matchLists(t, decide(buildSnapshot({ rules, profiles: wide.states }), podOf('none', {})), {
    reason: 'wider',
    containers: [{ outcome: 'runtime-default' }],
    warnings: [/profile shop\/one allows more than RuntimeDefault/]
  })
  const named = [testRule('all', { profile: { name: 'one', namespace: 'shop' } })]
  t.match(decide(buildSnapshot({ rules: named, profiles: wide.states }), podOf('none', {})), {
    reason: 'ready'
  })
  const label = { 'secco.dev/profile': 'one' }
  matchLists(
    t,
    decide(
      buildSnapshot({ rules: [testRule('all', { mode: 'learn' })], profiles: wide.states }),
      podOf('none', label)
    ),
    {
      containers: [{ outcome: 'learn', loosening: ['label secco.dev/profile'] }],
      warnings: [/learning/, /label secco.dev\/profile is ignored/]
    },
    'a label that names a laxer profile'
  )
  t.end()
})

test('a revision that nobody can compare counts as wider', (t) => {
  const rules = [
    testRule('all', { profile: { name: 'one' } }),
    testRule('own', { profile: { name: 'two' } }, 'shop')
  ]
  const { states, sets } = worldOf(
    (['secco-system', 'shop'] as const).map((namespace) => ({
      ...{ namespace, name: namespace === 'shop' ? 'two' : 'one', enforce: ['a' as const] },
      ...{
        container: undefined,
        previous: null,
        approved: true,
        ready: [true, true, true] as [boolean, boolean, boolean]
      }
    }))
  )
  const decided = (within?: SnapshotSource['within']) =>
    decide(
      buildSnapshot({ rules, profiles: states, ...(within === undefined ? {} : { within }) }),
      podOf('none', {})
    ).containers[0]
  matchLists(t, decided(), { profile: 'secco-system/one', loosening: ['shop/own'] })
  const subset = (inner: string, outer: string) =>
    isSubset(sets.get(inner) ?? new Set(), sets.get(outer) ?? new Set())
  t.equal(decided(subset)?.loosening, undefined, 'where they compare nothing is ignored')
  t.end()
})

test('paths into our tree that are none of ours', (t) => {
  const good = `secco/shop/web.app/${'a'.repeat(64)}.json`
  const cases: [string, boolean][] = [
    [good, false],
    ['my.json', false],
    ['profiles/secco/x.json', false],
    ['secco/../../etc/passwd', true],
    ['secco/shop/../../x', true],
    ['secco/shop/a..b/x.json', true],
    ['./secco/../x', true],
    ['x/../secco/shop/web.app/y.json', true],
    ['secco', true],
    ['secco/shop/web.app/latest.json', true],
    [`${good}/..`, true],
    ['secconot/x.json', false]
  ]
  for (const [path, strange] of cases) t.equal(isStrange(path), strange, path)
  const pod = podOf('none', {})
  const [one] = pod.containers
  if (one === undefined) return
  const seccomp = { type: 'Localhost', localhostProfile: 'secco/../../x' }
  const decision = decide(buildSnapshot({}), { ...pod, containers: [{ ...one, seccomp }] })
  t.match(decision, { decision: 'denied', reason: 'strange-path', allowed: false })
  t.match(decision.message, /container app: localhostProfile is not a path that Secco writes/)
  t.end()
})

test('what filters allowed is compared without being wrong', (t) => {
  const floor = passSetOf(runtimeDefault())
  t.ok(isWithin(floor, { ...runtimeDefaultPassSet }))
  const render = (profile: Parameters<typeof renderProfile>[0], mode: 'audit' | 'enforce') =>
    renderProfile(profile, { mode, resolve: () => undefined, machine: 'x86_64' })
  let certain = 0
  const tries = Math.max(30, runs(30))
  fc.assert(
    fc.property(
      fc.tuple(randomProfile, randomProfile, fc.boolean()),
      fc.array(callArguments, { minLength: 8, maxLength: 8 }),
      ([left, right, joined], calls) => {
        // The second often contains the first: else hardly any two are comparable.
        const both = joined
          ? {
              ...right,
              spec: {
                seccomp: {
                  defaultAction: 'SCMP_ACT_ERRNO' as const,
                  syscalls: [
                    ...(right.spec.seccomp?.syscalls ?? []).filter(
                      ({ action }) => action === 'SCMP_ACT_ALLOW'
                    ),
                    ...(left.spec.seccomp?.syscalls ?? []).filter(
                      ({ action }) => action === 'SCMP_ACT_ALLOW'
                    )
                  ]
                }
              }
            }
          : right
        let seccomps: LinuxSeccomp[]
        try {
          seccomps = [render(left, 'enforce'), render(both, 'enforce'), render(both, 'audit')].map(
            (one) => one.seccomp
          )
        } catch {
          return true
        }
        const [inner, outer, audit] = seccomps
        if (inner === undefined || outer === undefined || audit === undefined) return false
        for (const wide of [outer, audit, runtimeDefault()]) {
          const [a, b] = [passSetOf(inner), passSetOf(wide)]
          const beyond = new Set(namesBeyond(a, b))
          if (beyond.size === 0) certain += 1
          const [small, large] = [answersOf(inner), answersOf(wide)]
          for (const name of small.allowed) {
            if (beyond.has(name)) continue
            for (const args of calls) {
              if (small.passes(name, args) && !large.passes(name, args)) return false
            }
          }
        }
        return true
      }
    ),
    { numRuns: tries }
  )
  t.ok(certain > tries / 3, `${certain} pairs are surely within each other`)
  const plain = render(
    {
      apiVersion: 'secco.dev/v1alpha1',
      kind: 'SeccompProfile',
      metadata: { namespace: 'shop', name: 'x' },
      spec: {
        seccomp: {
          defaultAction: 'SCMP_ACT_ERRNO',
          syscalls: [
            { names: ['socket', 'clone', 'personality', 'read', 'mount'], action: 'SCMP_ACT_ALLOW' }
          ]
        }
      }
    },
    'enforce'
  )
  t.same(
    namesBeyond(passSetOf(plain.seccomp), runtimeDefaultPassSet),
    ['mount'],
    "by name, with RuntimeDefault's own conditions and all of base: only what was asked for is beyond"
  )
  t.end()
})
