import fc from 'fast-check'
import { test } from 'tap'
import { parseImage } from '../../../src/rules/image.js'
import { compileRules, ruleMatches } from '../../../src/rules/rule.js'
import { buildRuleIndex } from '../../../src/rules/rule-index.js'
import { runs } from '../../helpers/fuzz.js'
import { testRule } from '../../helpers/rules.js'
import {
  labelKey,
  labelValue,
  namespaceArbitrary,
  rulesArbitrary
} from '../../helpers/decisions.js'

const labelsArbitrary = fc.dictionary(labelKey, labelValue, { maxKeys: 4 })

test('the index finds what a linear scan finds, in the same order', (t) => {
  fc.assert(
    fc.property(
      rulesArbitrary,
      labelsArbitrary,
      namespaceArbitrary,
      labelsArbitrary,
      fc.subarray([
        ...['nginx:1', 'nginx:2', 'docker.io/library/nginx', 'r.example/a', 'q.example/a'],
        'sha256:0f'
      ]),
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
    { numRuns: runs(250) }
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
