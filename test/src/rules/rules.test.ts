import fc from 'fast-check'
import { test } from 'tap'
import type { LabelSelector, SeccompRule } from '../../../src/api/seccomp-rule.js'
import { buildPatch } from '../../../webhook/admission/patch.js'
import { decide } from '../../../src/rules/decide.js'
import type { ContainerFacts, PodFacts } from '../../../src/rules/facts.js'
import { compileContainers, compileGlob } from '../../../src/rules/glob.js'
import { compileImages, parseImage } from '../../../src/rules/image.js'
import { anywhere } from '../../../src/rules/placement.js'
import { compileRules, ruleMatches } from '../../../src/rules/rule.js'
import { buildRuleIndex } from '../../../src/rules/rule-index.js'
import { compileSelector, selectorMatches } from '../../../src/rules/selector.js'
import { buildSnapshot, type SnapshotSource } from '../../../src/rules/snapshot.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'

test('label selectors', (t) => {
  const expression = (
    key: string,
    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist',
    values?: string[]
  ): LabelSelector => ({
    matchExpressions: [{ key, operator, ...(values === undefined ? {} : { values }) }]
  })
  const table: [string, LabelSelector | undefined, Record<string, string>, boolean][] = [
    ['absent selects all', undefined, {}, true],
    ['empty selects all', {}, { a: '1' }, true],
    ['matchLabels', { matchLabels: { a: '1' } }, { a: '1', b: '2' }, true],
    ['matchLabels, other value', { matchLabels: { a: '1' } }, { a: '2' }, false],
    ['matchLabels, empty value', { matchLabels: { a: '' } }, { a: '' }, true],
    ['In', expression('a', 'In', ['1', '2']), { a: '2' }, true],
    ['In, key absent', expression('a', 'In', ['1']), {}, false],
    ['NotIn', expression('a', 'NotIn', ['1']), { a: '2' }, true],
    ['NotIn holds without the key', expression('a', 'NotIn', ['1']), {}, true],
    ['NotIn, listed', expression('a', 'NotIn', ['1']), { a: '1' }, false],
    ['Exists', expression('a', 'Exists'), { a: '' }, true],
    ['Exists is about own labels', expression('constructor', 'Exists'), {}, false],
    ['a label named constructor', expression('constructor', 'Exists'), { constructor: 'x' }, true],
    ['DoesNotExist', expression('toString', 'DoesNotExist'), {}, true],
    ['invalid: In without values', expression('a', 'In'), { a: '1' }, false],
    ['invalid: Exists with values', expression('a', 'Exists', ['1']), { a: '1' }, false]
  ]
  for (const [name, selector, labels, expected] of table) {
    t.equal(selectorMatches(compileSelector(selector, 'spec').selector, labels), expected, name)
  }
  t.strictSame(compileSelector(expression('a', 'In'), 'spec.podSelector').problems, [
    'spec.podSelector.matchExpressions[0].values: must not be empty for In'
  ])
  t.end()
})

test('container names with *', (t) => {
  const table: [string, string, boolean][] = [
    ['app', 'app', true],
    ['app', 'app2', false],
    ['web-*', 'web-', true],
    ['web-*', 'web', false],
    ['*-proxy', 'istio-proxy', true],
    ['a*a', 'a', false],
    ['a*b*c', 'axxbyyc', true],
    ['a*bc*c', 'abc', false],
    ['*', '', true],
    ['**', 'x', true]
  ]
  for (const [pattern, name, expected] of table) {
    t.equal(compileGlob(pattern)(name), expected, `${pattern} on ${name}`)
  }
  t.ok(compileContainers(undefined)('anything'))
  fc.assert(
    fc.property(
      fc.stringMatching(/^[ab*]{1,8}$/),
      fc.stringMatching(/^[ab]{0,8}$/),
      (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name)
        return compileGlob(pattern)(name) === expected
      }
    )
  )
  t.end()
})

const key = fc.constantFrom('app', 'env', 'team', 'constructor', 'x')
const value = fc.constantFrom('a', 'b', 'c', '')
const labelsArbitrary = fc.dictionary(key, value, { maxKeys: 4 })
const selectorArbitrary: fc.Arbitrary<LabelSelector> = fc.record({
  matchLabels: fc.dictionary(key, value, { maxKeys: 2 }),
  matchExpressions: fc.array(
    fc.record({
      key,
      operator: fc.constantFrom(
        'In' as const,
        'NotIn' as const,
        'Exists' as const,
        'DoesNotExist' as const
      ),
      values: fc.array(value, { maxLength: 3 })
    }),
    { maxLength: 2 }
  )
})
const namespaceArbitrary = fc.constantFrom('secco-system', 'shop', 'bank')
const ruleArbitrary = fc
  .record({
    namespace: namespaceArbitrary,
    podSelector: fc.option(selectorArbitrary, { nil: undefined }),
    namespaceSelector: fc.option(
      fc.oneof(
        selectorArbitrary,
        fc.record({
          matchLabels: fc.record({ 'kubernetes.io/metadata.name': namespaceArbitrary })
        })
      ),
      { nil: undefined }
    ),
    priority: fc.integer({ min: -2, max: 2 }),
    mode: fc.constantFrom('learn' as const, 'audit' as const, 'enforce' as const),
    whenNotReady: fc.constantFrom('RuntimeDefault' as const, 'Previous' as const, 'Deny' as const),
    containers: fc.option(fc.subarray(['app', 'web-*', 'init'], { minLength: 1 }), {
      nil: undefined
    }),
    images: fc.option(fc.subarray(['nginx', 'nginx:1', 'r.example/a', '*/a'], { minLength: 1 }), {
      nil: undefined
    }),
    profile: fc.option(fc.constantFrom('ready', 'waiting', 'draft', 'missing'), { nil: undefined })
  })
  .map(
    (r) =>
      (name: string): SeccompRule =>
        testRule(
          name,
          {
            mode: r.mode,
            priority: r.priority,
            whenNotReady: r.whenNotReady,
            ...(r.podSelector === undefined ? {} : { podSelector: r.podSelector }),
            ...(r.namespaceSelector === undefined
              ? {}
              : { namespaceSelector: r.namespaceSelector }),
            ...(r.containers === undefined ? {} : { containers: r.containers }),
            ...(r.images === undefined ? {} : { images: r.images }),
            ...(r.profile === undefined ? {} : { profile: { name: r.profile } })
          },
          r.namespace
        )
  )
const rulesArbitrary = fc
  .array(ruleArbitrary, { maxLength: 12 })
  .map((makers) => makers.map((make, i) => make(`r${i}`)))

test('the index finds what a linear scan finds, in the same order', (t) => {
  fc.assert(
    fc.property(
      rulesArbitrary,
      labelsArbitrary,
      namespaceArbitrary,
      labelsArbitrary,
      fc.subarray(['nginx:1', 'nginx:2', 'docker.io/library/nginx', 'r.example/a', 'q.example/a']),
      (documents, labels, namespace, more, names) => {
        const { rules } = compileRules(documents)
        const namespaceLabels = { ...more, 'kubernetes.io/metadata.name': namespace }
        const images = names.map(parseImage)
        const found = buildRuleIndex(rules).match(labels, namespace, namespaceLabels, images)
        const expected = rules.filter((rule) =>
          ruleMatches(rule, labels, namespace, namespaceLabels, images)
        )
        t.strictSame(
          found.map((r) => r.key),
          expected.map((r) => r.key)
        )
      }
    ),
    { numRuns: 500 }
  )
  t.end()
})

test('anchors: only rules that nothing anchors are looked at for every pod', (t) => {
  const { rules } = compileRules([
    testRule('label', { podSelector: { matchLabels: { app: 'a', env: 'prod' } } }),
    testRule('exists', { podSelector: { matchExpressions: [{ key: 'x', operator: 'Exists' }] } }),
    testRule('namespace', {}, 'shop'),
    testRule('always', {
      podSelector: { matchExpressions: [{ key: 'x', operator: 'DoesNotExist' }] }
    })
  ])
  t.equal(buildRuleIndex(rules).unanchored, 1)
  t.end()
})

test('10,000 rules that only name images hang on them, and a rule is found once', (t) => {
  const { rules } = compileRules([
    ...Array.from({ length: 10_000 }, (_, i) => testRule(`r${i}`, { images: [`shop/app-${i}`] })),
    testRule('both', { images: ['shop/app-7', 'shop/app-8:2'] }),
    testRule('any', { images: ['*/app-7'] })
  ])
  const index = buildRuleIndex(rules)
  t.match(index, { unanchored: 1, usesImages: true })
  const images = ['docker.io/shop/app-7:1', 'shop/app-8:2'].map(parseImage)
  t.same(
    index.match({}, 'shop', {}, images).map(({ key }) => key.replace(/^.*\//, '')),
    ['any', 'both', 'r7', 'r8']
  )
  t.equal(buildRuleIndex(compileRules([testRule('label', {})]).rules).usesImages, false)
  t.end()
})

test('images are compared as runtimes read their names', (t) => {
  const table: [pattern: string, image: string, matches: boolean][] = [
    ['nginx', 'nginx', true],
    ['nginx', 'nginx:1.27', true],
    ['nginx', 'docker.io/library/nginx@sha256:aa', true],
    ['nginx', 'shop/nginx', false],
    ['nginx', 'nginx-evil', false],
    ['nginx', 'registry.example.com/nginx', false],
    ['*/nginx', 'registry.example.com/nginx', true],
    ['nginx:1.27*', 'nginx:1.27.1', true],
    ['nginx:1.27*', 'nginx:1.28', false],
    ['nginx:latest', 'nginx', true],
    ['nginx:latest', 'nginx@sha256:aa', false],
    ['nginx@sha256:aa', 'nginx:1.27@sha256:aa', true],
    ['nginx@sha256:aa', 'nginx@sha256:ab', false],
    ['localhost:5000/shop/*', 'localhost:5000/shop/web:1', true],
    ['localhost:5000/shop/*', 'localhost:5000/shopping/web:1', false],
    ['shop/*', 'docker.io/shop/web', true],
    ['shop/*', 'evil.example/shop/web', false],
    ['*', 'anything.example/at/all:1', true],
    ['nginx', '', false]
  ]
  for (const [pattern, image, matches] of table) {
    t.equal(compileImages([pattern])?.matches(parseImage(image)), matches, `${pattern} ~ ${image}`)
  }
  t.equal(compileImages(undefined), undefined)
  t.end()
})

test('a rule by image is about the containers of that image, and no pod without one', (t) => {
  const used = buildSnapshot({
    rules: [testRule('web', { images: ['nginx'], profile: { name: 'checkout.app' } })],
    profiles: [testProfile('shop', 'checkout.app')]
  })
  const both = pod({
    labels: {},
    containers: [container(), container({ name: 'side', image: 'envoy', index: 1 })]
  })
  t.same(
    decide(used, both).containers.map(({ outcome, reason }) => `${outcome} ${reason}`),
    ['assigned ready', 'skipped no-rule']
  )
  const other = decide(used, pod({ labels: {}, containers: [container({ image: 'envoy' })] }))
  t.match(other, { decision: 'unmatched', matched: [] })
  const debugged = pod({
    ...{ operation: 'UPDATE', subresource: 'ephemeralcontainers', labels: {} },
    containers: [
      container({ image: 'envoy' }),
      container({ name: 'debug', kind: 'ephemeral', image: 'nginx' })
    ]
  })
  t.match(decide(used, debugged), { decision: 'unmatched' })
  t.end()
})

function container(change: Partial<ContainerFacts> = {}): ContainerFacts {
  return {
    name: 'app',
    image: 'nginx',
    kind: 'container',
    index: 0,
    hasSecurityContext: false,
    seccomp: undefined,
    privileged: false,
    existed: false,
    ...change
  }
}

function pod(change: Partial<PodFacts> = {}): PodFacts {
  return {
    operation: 'CREATE',
    subresource: '',
    namespace: 'shop',
    name: 'web-1',
    owner: '',
    labels: { app: 'web' },
    hasMetadata: true,
    annotations: undefined,
    hasPodSecurityContext: false,
    podSeccomp: undefined,
    containers: [container()],
    placement: anywhere,
    windows: false,
    mirror: false,
    ...change
  }
}

const web = { podSelector: { matchLabels: { app: 'web' } } }
const toCheckout = { ...web, profile: { name: 'checkout.app' } }
const checkout = testProfile('shop', 'checkout.app')
const labelled = (labels: Record<string, string>): Partial<PodFacts> => ({ labels })

test('decisions for one container', (t) => {
  const waiting = { enforce: testRevision('shop', 'checkout.app', 'a', false) }
  const table: [string, SnapshotSource, Partial<PodFacts>, string][] = [
    ['no rule', { rules: [] }, {}, 'unmatched no-rule'],
    [
      'enforce',
      { rules: [testRule('web', toCheckout)] },
      {},
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'audit',
      { rules: [testRule('web', { ...toCheckout, mode: 'audit' })] },
      {},
      'patched ready: assigned ready secco-system/web sha256:bb'
    ],
    [
      'learn',
      { rules: [testRule('web', { ...toCheckout, mode: 'learn' })] },
      {},
      'patched learning: learn learning secco-system/web'
    ],
    [
      'learn without a profile',
      { rules: [testRule('web', { ...web, mode: 'learn' })] },
      {},
      'patched learning: learn learning secco-system/web'
    ],
    [
      'unknown profile',
      { rules: [testRule('web', toCheckout)], profiles: [] },
      {},
      'patched unknown-profile: runtime-default unknown-profile secco-system/web'
    ],
    [
      'no profile at all',
      { rules: [testRule('web', web)] },
      {},
      'patched unknown-profile: runtime-default unknown-profile secco-system/web'
    ],
    [
      'not approved',
      {
        rules: [testRule('web', toCheckout)],
        profiles: [testProfile('shop', 'checkout.app', { approved: false })]
      },
      {},
      'patched not-approved: runtime-default not-approved secco-system/web'
    ],
    [
      'not on every node',
      {
        rules: [testRule('web', toCheckout)],
        profiles: [testProfile('shop', 'checkout.app', waiting)]
      },
      {},
      'patched not-ready: runtime-default not-ready secco-system/web'
    ],
    [
      'not on every node, Previous',
      {
        rules: [testRule('web', { ...toCheckout, whenNotReady: 'Previous' })],
        profiles: [testProfile('shop', 'checkout.app', waiting)]
      },
      {},
      'patched previous: assigned previous secco-system/web sha256:cc'
    ],
    [
      'Previous never stands in for audit',
      {
        rules: [testRule('web', { ...toCheckout, mode: 'audit', whenNotReady: 'Previous' })],
        profiles: [
          testProfile('shop', 'checkout.app', {
            audit: testRevision('shop', 'checkout.app', 'b', false)
          })
        ]
      },
      {},
      'patched not-ready: runtime-default not-ready secco-system/web'
    ],
    [
      'not on every node, Deny',
      {
        rules: [testRule('web', { ...toCheckout, whenNotReady: 'Deny' })],
        profiles: [testProfile('shop', 'checkout.app', waiting)]
      },
      {},
      'denied not-ready: skipped not-ready secco-system/web'
    ],
    [
      'a path that the digest does not give is no path',
      {
        rules: [testRule('web', toCheckout)],
        profiles: [
          testProfile('shop', 'checkout.app', {
            enforce: { ...testRevision('shop', 'checkout.app', 'a'), path: '../../etc/passwd' }
          })
        ]
      },
      {},
      'patched not-approved: runtime-default not-approved secco-system/web'
    ],
    [
      'an empty path is no path',
      {
        rules: [testRule('web', toCheckout)],
        profiles: [
          testProfile('shop', 'checkout.app', {
            enforce: { ...testRevision('shop', 'checkout.app', 'a'), path: '' }
          })
        ]
      },
      {},
      'patched not-approved: runtime-default not-approved secco-system/web'
    ],
    [
      'label profile',
      {},
      labelled({ 'secco.dev/profile': 'checkout.app' }),
      'patched ready: assigned ready label secco.dev/profile sha256:aa'
    ],
    [
      'label profile, unknown',
      {},
      labelled({ 'secco.dev/profile': 'other' }),
      'patched unknown-profile: runtime-default unknown-profile label secco.dev/profile'
    ],
    [
      'label profile, not a name',
      {},
      labelled({ 'secco.dev/profile': '../shop/checkout.app' }),
      'patched unknown-profile: runtime-default unknown-profile label secco.dev/profile'
    ],
    [
      'label learn',
      {},
      labelled({ 'secco.dev/learn': 'true' }),
      'patched learning: learn learning label secco.dev/learn'
    ],
    [
      'label learn that is not true',
      {},
      labelled({ 'secco.dev/learn': 'false' }),
      'unmatched no-rule'
    ],
    [
      'labels: learn into a named profile',
      {},
      labelled({ 'secco.dev/learn': 'true', 'secco.dev/profile': 'checkout.app' }),
      'patched learning: learn learning label secco.dev/learn'
    ],
    [
      'a label does not weaken the root rule',
      { rules: [testRule('web', toCheckout)] },
      labelled({ app: 'web', 'secco.dev/learn': 'true' }),
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'a label tightens the root rule',
      { rules: [testRule('web', { ...toCheckout, mode: 'learn' })] },
      labelled({ app: 'web', 'secco.dev/profile': 'checkout.app' }),
      'patched ready: assigned ready label secco.dev/profile sha256:aa'
    ],
    [
      'a namespace rule does not weaken',
      {
        rules: [
          testRule('web', toCheckout),
          testRule('mine', { ...toCheckout, mode: 'audit', priority: 1000 }, 'shop')
        ]
      },
      {},
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'a namespace rule tightens',
      {
        rules: [
          testRule('web', { ...toCheckout, mode: 'audit' }),
          testRule('mine', toCheckout, 'shop')
        ],
        within: () => true
      },
      {},
      'patched ready: assigned ready shop/mine sha256:aa'
    ],
    [
      'a namespace rule that cannot be compared does not tighten',
      {
        rules: [
          testRule('web', { ...toCheckout, mode: 'audit' }),
          testRule('mine', toCheckout, 'shop')
        ]
      },
      {},
      'patched ready: assigned ready secco-system/web sha256:bb'
    ],
    [
      'a tighter wish that is not ready gives way',
      {
        rules: [
          testRule('web', { ...toCheckout, mode: 'audit' }),
          testRule('mine', toCheckout, 'shop')
        ],
        profiles: [testProfile('shop', 'checkout.app', waiting)]
      },
      {},
      'patched ready: assigned ready secco-system/web sha256:bb'
    ],
    [
      'rules of other namespaces do not apply',
      { rules: [testRule('mine', toCheckout, 'bank')] },
      {},
      'unmatched no-rule'
    ],
    [
      'a namespace rule cannot borrow from another namespace',
      {
        rules: [
          testRule('mine', { ...web, profile: { name: 'checkout.app', namespace: 'shop' } }, 'bank')
        ]
      },
      { namespace: 'bank' },
      'patched unknown-profile: runtime-default unknown-profile bank/mine'
    ],
    [
      'priority',
      {
        rules: [
          testRule('a', { ...web, mode: 'learn' }),
          testRule('b', { ...toCheckout, priority: 5 })
        ]
      },
      {},
      'patched ready: assigned ready secco-system/b sha256:aa'
    ],
    [
      'specificity',
      { rules: [testRule('a', { mode: 'learn' }), testRule('b', toCheckout)] },
      {},
      'patched ready: assigned ready secco-system/b sha256:aa'
    ],
    [
      'name order',
      { rules: [testRule('b', toCheckout), testRule('a', { ...web, mode: 'learn' })] },
      {},
      'patched learning: learn learning secco-system/a'
    ],
    [
      'container names',
      { rules: [testRule('web', { ...toCheckout, containers: ['side-*'] })] },
      {},
      'skipped no-rule: skipped no-rule'
    ],
    [
      'namespace selector, known',
      {
        rules: [
          testRule('web', { ...toCheckout, namespaceSelector: { matchLabels: { stage: 'prod' } } })
        ],
        namespaces: new Map([['shop', { stage: 'prod' }]])
      },
      {},
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'namespace selector, name alone',
      {
        rules: [
          testRule('web', {
            ...toCheckout,
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } }
          })
        ]
      },
      {},
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'kube-system',
      { rules: [testRule('all', toCheckout)] },
      { namespace: 'kube-system' },
      'excluded excluded-namespace'
    ],
    [
      'kube-node-lease',
      { rules: [testRule('all', toCheckout)] },
      { namespace: 'kube-node-lease' },
      'excluded excluded-namespace'
    ],
    [
      'own namespace',
      { rules: [testRule('all', toCheckout)] },
      { namespace: 'secco-system' },
      'excluded excluded-namespace'
    ],
    [
      'own namespace of another name',
      { rules: [testRule('all', toCheckout)], options: { ownNamespace: 'shop' } },
      {},
      'excluded excluded-namespace'
    ],
    [
      'opt-out that nobody allows',
      { rules: [testRule('web', toCheckout)] },
      labelled({ app: 'web', 'secco.dev/ignore': 'true' }),
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'opt-out that the installation allows',
      { rules: [testRule('web', toCheckout)], options: { allowIgnore: true } },
      labelled({ app: 'web', 'secco.dev/ignore': 'true' }),
      'ignored opt-out'
    ],
    [
      'opt-out that the installation forbids',
      { rules: [testRule('web', toCheckout)], options: { allowIgnore: false } },
      labelled({ app: 'web', 'secco.dev/ignore': 'true' }),
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'opt-out that the namespace forbids',
      {
        rules: [testRule('web', toCheckout)],
        options: { allowIgnore: true },
        namespaces: new Map([['shop', { 'secco.dev/allow-ignore': 'false' }]])
      },
      labelled({ app: 'web', 'secco.dev/ignore': 'true' }),
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'opt-out that the namespace allows',
      {
        rules: [testRule('web', toCheckout)],
        options: { allowIgnore: false },
        namespaces: new Map([['shop', { 'secco.dev/allow-ignore': 'true' }]])
      },
      labelled({ app: 'web', 'secco.dev/ignore': 'true' }),
      'ignored opt-out'
    ],
    ['mirror pod', { rules: [testRule('web', toCheckout)] }, { mirror: true }, 'skipped mirror'],
    ['Windows pod', { rules: [testRule('web', toCheckout)] }, { windows: true }, 'skipped windows'],
    [
      'privileged',
      { rules: [testRule('web', toCheckout)] },
      { containers: [container({ privileged: true })] },
      'skipped privileged: skipped privileged secco-system/web'
    ],
    [
      "the author's own file",
      { rules: [testRule('web', { ...toCheckout, mode: 'audit' })] },
      { containers: [container({ seccomp: { type: 'Localhost', localhostProfile: 'my.json' } })] },
      'kept author-localhost: kept author-localhost secco-system/web'
    ],
    [
      "the author's own file under a rule of the root that enforces",
      { rules: [testRule('web', toCheckout)] },
      { containers: [container({ seccomp: { type: 'Localhost', localhostProfile: 'my.json' } })] },
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      "the author's own file at pod level",
      { rules: [testRule('web', toCheckout, 'shop')] },
      { podSeccomp: { type: 'Localhost', localhostProfile: 'my.json' } },
      'kept author-localhost: kept author-localhost shop/web'
    ],
    [
      'an older revision of ours is replaced',
      { rules: [testRule('web', toCheckout)] },
      {
        containers: [
          container({
            seccomp: {
              type: 'Localhost',
              localhostProfile: `secco/shop/checkout.app/${'0'.repeat(64)}.json`
            }
          })
        ]
      },
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'explicit RuntimeDefault is tightened',
      { rules: [testRule('web', toCheckout)] },
      { containers: [container({ seccomp: { type: 'RuntimeDefault' } })] },
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'explicit Unconfined does not stand',
      { rules: [testRule('web', toCheckout)] },
      { containers: [container({ seccomp: { type: 'Unconfined' } })] },
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'ephemeral container',
      { rules: [testRule('web', toCheckout)] },
      {
        operation: 'UPDATE',
        subresource: 'ephemeralcontainers',
        containers: [container(), container({ kind: 'ephemeral', name: 'debug' })]
      },
      'patched ephemeral: runtime-default ephemeral'
    ],
    [
      'ephemeral container that is there already',
      { rules: [testRule('web', toCheckout)] },
      {
        operation: 'UPDATE',
        subresource: 'ephemeralcontainers',
        containers: [container({ kind: 'ephemeral', name: 'debug', existed: true })]
      },
      'skipped existed: skipped existed'
    ]
  ]
  for (const [name, source, change, expected] of table) {
    const decision = decide(buildSnapshot({ profiles: [checkout], ...source }), pod(change))
    const containers = decision.containers.map((c) =>
      [c.outcome, c.reason, c.rule, c.revision?.slice(0, 9)]
        .filter((part) => part !== undefined)
        .join(' ')
    )
    const got = [`${decision.decision} ${decision.reason}`, ...containers].join(': ')
    t.equal(got, expected, name)
    t.equal(decision.allowed, decision.decision !== 'denied', `${name}: allowed`)
    for (const c of decision.containers) {
      if (c.outcome === 'assigned')
        t.match(c.localhostProfile, /^secco\/shop\/checkout\.app\/[0-9a-f]{64}\.json$/)
    }
  }
  t.end()
})

test('what the person is told', (t) => {
  const told = (source: SnapshotSource, change: Partial<PodFacts> = {}) => {
    const decision = decide(buildSnapshot({ profiles: [checkout], ...source }), pod(change))
    return decision.allowed ? decision.warnings : [decision.message]
  }
  const rules = [testRule('web', toCheckout)]
  t.strictSame(told({ rules }), [
    'secco: app: enforce shop/checkout.app, revision sha256:aaaaaaaaaaaa (secco-system/web)'
  ])
  t.strictSame(told({ rules, profiles: [] }), [
    'secco: app: RuntimeDefault: profile secco-system/checkout.app does not exist (secco-system/web)'
  ])
  t.strictSame(
    told({ rules }, { podSeccomp: { type: 'Unconfined' }, hasPodSecurityContext: true }),
    [
      'secco: app: enforce shop/checkout.app, revision sha256:aaaaaaaaaaaa instead of Unconfined (secco-system/web)'
    ]
  )
  t.strictSame(
    told({ rules: [testRule('web', { ...toCheckout, whenNotReady: 'Deny' })], profiles: [] }),
    [
      'secco: container app: profile secco-system/checkout.app does not exist, and rule secco-system/web says whenNotReady: Deny'
    ]
  )
  t.strictSame(
    told({ rules, options: { allowIgnore: false } }, { labels: { 'secco.dev/ignore': 'true' } }),
    ['secco: label secco.dev/ignore is not honoured in namespace shop']
  )
  t.end()
})

test('observe: everything is told, nothing is done', (t) => {
  const rules = [
    testRule('web', { podSelector: { matchLabels: { app: 'web' } }, profile: { name: 'ready' } }),
    testRule('strict', {
      podSelector: { matchLabels: { app: 'strict' } },
      profile: { name: 'unknown' },
      whenNotReady: 'Deny'
    })
  ]
  const namespaces = new Map([
    ['shop', {}],
    ['on', { 'secco.dev/mode': 'enabled' }],
    ['off', { 'secco.dev/mode': 'observe' }],
    ['odd', { 'secco.dev/mode': 'maybe' }]
  ])
  const profiles = [testProfile('secco-system', 'ready')]
  const facts = (namespace: string, app: string) =>
    pod({ namespace, labels: { app }, containers: [container({ name: 'app' })] })
  const cases: [mode: 'observe' | 'enforce', namespace: string, app: string, decision: string][] = [
    ['observe', 'shop', 'web', 'observed'],
    ['observe', 'unheard-of', 'web', 'observed'],
    ['observe', 'on', 'web', 'patched'],
    ['observe', 'odd', 'web', 'observed'],
    ['observe', 'shop', 'strict', 'observed'],
    ['observe', 'on', 'strict', 'denied'],
    ['observe', 'shop', 'other', 'unmatched'],
    ['observe', 'kube-system', 'web', 'excluded'],
    ['enforce', 'shop', 'web', 'patched'],
    ['enforce', 'off', 'web', 'observed'],
    ['enforce', 'off', 'strict', 'observed'],
    ['enforce', 'odd', 'web', 'patched']
  ]
  for (const [mode, namespace, app, expected] of cases) {
    const what = `${mode} ${namespace} ${app}`
    const snapshot = buildSnapshot({ rules, profiles, namespaces, options: { mode } })
    const decision = decide(snapshot, facts(namespace, app))
    t.equal(decision.decision, expected, what)
    if (expected !== 'observed') continue
    t.equal(decision.allowed, true, what)
    t.same(buildPatch(facts(namespace, app), decision, true), [], `${what}: no patch`)
    t.match(decision.warnings.at(-1), /kubectl label namespace \S+ secco\.dev\/mode=enabled/)
    t.match(decision.warnings[0], app === 'web' ? /^secco would: app: enforce/ : /would: .*Deny/)
  }
  t.end()
})

test('pod level: RuntimeDefault where unset, Unconfined only when every container is covered', (t) => {
  const rules = [testRule('web', { ...toCheckout, containers: ['app'] })]
  const snapshot = buildSnapshot({ rules, profiles: [checkout] })
  const two = [container(), container({ name: 'side', index: 1 })]
  t.ok(decide(snapshot, pod()).podRuntimeDefault)
  t.ok(decide(snapshot, pod({ containers: two })).podRuntimeDefault)
  t.notOk(decide(snapshot, pod({ podSeccomp: { type: 'RuntimeDefault' } })).podRuntimeDefault)
  t.ok(decide(snapshot, pod({ podSeccomp: { type: 'Unconfined' } })).podRuntimeDefault)
  t.notOk(
    decide(snapshot, pod({ podSeccomp: { type: 'Unconfined' }, containers: two })).podRuntimeDefault
  )
  t.end()
})

test('a snapshot reports what it cannot use', (t) => {
  const { problems } = buildSnapshot({
    rules: [
      testRule('a', web),
      testRule('b', { ...toCheckout, namespaceSelector: {} }, 'shop'),
      testRule('c', {
        ...toCheckout,
        podSelector: { matchExpressions: [{ key: 'k', operator: 'In' }] }
      })
    ],
    profiles: [testProfile('shop', 'x', { enforce: testRevision('shop', 'y', 'a') })]
  })
  t.strictSame(problems.map((p) => p.rule).sort(), [
    'secco-system/a',
    'secco-system/c',
    'shop/b',
    'shop/x'
  ])
  t.end()
})

test('whatever the rules and the pod: no weaker, no invented path, no excluded namespace', (t) => {
  const profiles = [
    testProfile('shop', 'ready'),
    testProfile('secco-system', 'waiting', {
      enforce: testRevision('secco-system', 'waiting', 'a', false)
    }),
    testProfile('shop', 'draft', { approved: false })
  ]
  const ready = new Set(
    profiles
      .flatMap((p) => [p.enforce, p.audit, p.previous])
      .flatMap((r) => (r?.ready === true ? [r.path] : []))
  )
  const containersArbitrary = fc.array(
    fc.record({
      name: fc.constantFrom('app', 'web-1', 'init', 'side'),
      privileged: fc.boolean(),
      seccomp: fc.constantFrom(
        undefined,
        { type: 'RuntimeDefault' },
        { type: 'Unconfined' },
        { type: 'Localhost', localhostProfile: 'own.json' }
      )
    }),
    { minLength: 1, maxLength: 4 }
  )
  const podLabels = fc.dictionary(
    fc.constantFrom('app', 'env', 'secco.dev/profile', 'secco.dev/learn', 'secco.dev/ignore'),
    fc.constantFrom('a', 'true', 'ready', 'waiting', 'draft', '../x'),
    { maxKeys: 4 }
  )
  fc.assert(
    fc.property(
      rulesArbitrary,
      podLabels,
      containersArbitrary,
      fc.constantFrom('shop', 'bank', 'kube-system', 'secco-system'),
      (rules, labels, list, namespace) => {
        const facts = pod({
          labels,
          namespace,
          containers: list.map((c, index) => container({ ...c, index }))
        })
        const decision = decide(buildSnapshot({ rules, profiles }), facts)
        if (namespace === 'kube-system' || namespace === 'secco-system') {
          return decision.decision === 'excluded' && decision.containers.length === 0
        }
        return decision.containers.every((c) =>
          c.outcome === 'assigned'
            ? c.localhostProfile !== undefined && ready.has(c.localhostProfile)
            : c.localhostProfile === undefined
        )
      }
    ),
    { numRuns: 500 }
  )
  t.end()
})
