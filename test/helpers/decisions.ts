import fc from 'fast-check'
import type { LabelSelector, SeccompRule } from '../../src/api/seccomp-rule.js'
import type { ContainerFacts, PodFacts } from '../../src/rules/facts.js'
import { anywhere } from '../../src/rules/placement.js'
import { testProfile, testRule } from './rules.js'

export const labelKey = fc.constantFrom('app', 'env', 'team', 'constructor', 'x')

export const labelValue = fc.constantFrom('a', 'b', 'c', '')

const selectorArbitrary: fc.Arbitrary<LabelSelector> = fc.record({
  matchLabels: fc.dictionary(labelKey, labelValue, { maxKeys: 2 }),
  matchExpressions: fc.array(
    fc.record({
      key: labelKey,
      operator: fc.constantFrom(
        'In' as const,
        'NotIn' as const,
        'Exists' as const,
        'DoesNotExist' as const
      ),
      values: fc.array(labelValue, { maxLength: 3 })
    }),
    { maxLength: 2 }
  )
})

export const namespaceArbitrary = fc.constantFrom('secco-system', 'shop', 'bank')

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

export const rulesArbitrary = fc
  .array(ruleArbitrary, { maxLength: 12 })
  .map((makers) => makers.map((make, i) => make(`r${i}`)))

export function container(change: Partial<ContainerFacts> = {}): ContainerFacts {
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

export function pod(change: Partial<PodFacts> = {}): PodFacts {
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

export const web = { podSelector: { matchLabels: { app: 'web' } } }

export const toCheckout = { ...web, profile: { name: 'checkout.app' } }

export const checkout = testProfile('shop', 'checkout.app')
