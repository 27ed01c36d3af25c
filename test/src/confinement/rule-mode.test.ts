import { test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import type { Ladder } from '../../../src/api/ladder.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { otherModeWords, profileOfRule, ruleModeOf } from '../../../src/confinement/rule-mode.js'
import { testRule } from '../../helpers/rules.js'

const profile = (namespace: string, ladder?: Ladder): SeccompProfile => ({
  ...{ apiVersion, kind: 'SeccompProfile' },
  metadata: { namespace, name: 'web' },
  spec: ladder === undefined ? {} : { ladder }
})
const canary = {
  ...{ percent: 25, from: { mode: 'audit' as const } },
  ...{ startedAt: '2026-01-01T00:00:00Z', quietFor: '10m' }
}

test('the mode of a profile wins over that of its rule, as far as it may', (t) => {
  // [what, namespace of the rule, its mode, the profile, the mode that wins]
  type Mode = 'learn' | 'audit' | 'enforce'
  const table: [string, string, Mode, SeccompProfile | undefined, string | undefined][] = [
    ['no ladder', 'shop', 'audit', profile('shop'), undefined],
    ['no profile', 'shop', 'audit', undefined, undefined],
    ['promoted', 'shop', 'audit', profile('shop', { mode: 'enforce' }), 'enforce'],
    ['the same', 'shop', 'enforce', profile('shop', { mode: 'enforce' }), undefined],
    ['rolled back', 'shop', 'enforce', profile('shop', { mode: 'audit' }), 'audit'],
    ['tightened', 'secco-system', 'audit', profile('shop', { mode: 'enforce' }), 'enforce'],
    ['not loosened', 'secco-system', 'enforce', profile('shop', { mode: 'audit' }), undefined],
    ['of root', 'secco-system', 'enforce', profile('secco-system', { mode: 'audit' }), 'audit'],
    [
      'a canary from a mode that loosens the rule',
      'secco-system',
      'enforce',
      profile('shop', { mode: 'enforce', canary }),
      'enforce for 25%, enforce for the others'
    ],
    [
      'a canary',
      'shop',
      'audit',
      profile('shop', { mode: 'enforce', canary }),
      'enforce for 25%, audit for the others'
    ]
  ]
  for (const [what, namespace, mode, of, expected] of table) {
    const rule = testRule('web', { mode, profile: { name: 'web' } }, namespace)
    const known = new Map(of === undefined ? [] : [[`${namespace}/web`, of]])
    const words = expected === undefined ? undefined : `its profile's mode wins: ${expected}`
    t.equal(otherModeWords(rule, known), words, what)
    t.equal(profileOfRule(rule), `${namespace}/web`)
  }
  t.equal(profileOfRule(testRule('web', {})), undefined)
  t.end()
})

test('a rule that names no profile says when promoted profiles have another mode', (t) => {
  const workload = { kind: 'Deployment', name: 'web', container: 'app' } as const
  const own = (namespace: string, mode: Ladder['mode'], isLearned = true): SeccompProfile => {
    const { metadata, ...rest } = profile(namespace, { mode })
    const spec = { ...rest.spec, ...(isLearned ? { workload } : {}) }
    return { ...rest, metadata: { ...metadata, name: `${mode}.app` }, spec }
  }
  const words = 'containers whose own profile was promoted get its mode:'
  for (const [what, home, profiles, expected] of [
    ['none', 'shop', [profile('shop')], undefined],
    ['one', 'shop', [own('shop', 'audit')], `${words} audit`],
    ['two', 'shop', [own('shop', 'enforce'), own('shop', 'audit')], `${words} audit or enforce`],
    ['the same', 'shop', [own('shop', 'learn')], undefined],
    ['of another namespace', 'shop', [own('bank', 'audit')], undefined],
    ['a rule of all namespaces', 'secco-system', [own('bank', 'audit')], `${words} audit`],
    ['written by hand', 'shop', [own('shop', 'audit', false)], undefined]
  ] as const) {
    const known = new Map(
      profiles.map((one) => [`${one.metadata.namespace ?? ''}/${one.metadata.name}`, one])
    )
    t.equal(otherModeWords(testRule('all', { mode: 'learn' }, home), known), expected, what)
  }
  const known = new Map([['bank/audit.app', own('bank', 'audit')]])
  for (const [namespace, expected] of [
    ['shop', undefined],
    ['bank', `${words} audit`]
  ] as const) {
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } }
    const rule = testRule('all', { mode: 'learn', namespaceSelector }, 'secco-system')
    t.equal(otherModeWords(rule, known), expected, `a rule for ${namespace}`)
  }
  t.end()
})

test('the mode in which rules give a profile', (t) => {
  const rule = (mode: 'learn' | 'audit' | 'enforce', namespace: string, more: object = {}) =>
    testRule(`r-${mode}`, { mode, profile: { name: 'web' }, ...more }, namespace)
  // [what, the rules, the mode]
  const table: [string, Parameters<typeof ruleModeOf>[1], string | undefined][] = [
    ['no rule', [], undefined],
    ['a rule that learns', [rule('learn', 'shop')], undefined],
    ['a rule in audit', [rule('audit', 'shop')], 'audit'],
    [
      'the rule that wins',
      [rule('enforce', 'shop'), rule('audit', 'shop', { priority: 9 })],
      'audit'
    ],
    ['a rule of root means it too', [rule('audit', 'secco-system')], 'audit'],
    ['a rule of another namespace', [rule('audit', 'other')], undefined],
    ['a rule for another profile', [rule('audit', 'shop', { profile: { name: 'x' } })], undefined]
  ]
  for (const [what, rules, mode] of table) t.equal(ruleModeOf(profile('shop'), rules), mode, what)
  t.end()
})
