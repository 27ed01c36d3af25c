import { test } from 'tap'
import type { Ladder } from '../../../src/api/ladder.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Mode, SeccompRule } from '../../../src/api/seccomp-rule.js'
import {
  enforcementsOf,
  mustNotBeginToEnforce,
  type StoredObjects,
  withProfile,
  withRule
} from '../../../src/confinement/start-gate.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import { instance, profileOf } from '../../helpers/instances.js'

const allow = (...names: string[]) => ({
  defaultAction: 'SCMP_ACT_ERRNO' as const,
  syscalls: [{ names, action: 'SCMP_ACT_ALLOW' as const }]
})
const seccomp = allow('read')
const older = `sha256:${'1'.repeat(64)}`
const enforce: Ladder = { mode: 'enforce' }
const pinned: Ladder = { mode: 'enforce', revision: older }
const audit: Ladder = { mode: 'audit' }
const canaryOf = (mode: 'audit' | 'enforce', from: 'audit' | 'enforce'): Ladder => ({
  mode,
  canary: { percent: 10, from: { mode: from }, startedAt: '2026-01-01T00:00:00Z', quietFor: '10m' }
})
const canary = canaryOf('enforce', 'audit')
const audited = canaryOf('audit', 'enforce')

function ruleOf(mode: Mode, own = 'shop', profile: object = { name: 'web' }) {
  return {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule' },
    metadata: { namespace: own, name: 'r' },
    spec: { mode, profile }
  } as SeccompRule
}
const [rule, platform] = [ruleOf('enforce'), ruleOf('enforce', 'secco-system')]
const late = { instances: [instance(0, ['read'], { complete: false })] }

test('by what new containers are enforced under a profile', (t) => {
  const ladder = { by: 'its ladder' }
  const named = { by: 'the rule shop/r' }
  const root = { by: 'the rule secco-system/r' }
  // [what, spec, rule, by what]
  const table: [string, SeccompProfile['spec'], SeccompRule | undefined, object[]][] = [
    ['nothing', { seccomp }, undefined, []],
    ['nothing is approved', {}, rule, []],
    ['only parents', { extends: ['base'] }, rule, [named]],
    ['a rule in enforce mode', { seccomp }, rule, [named]],
    ['a rule in audit mode', { seccomp }, ruleOf('audit'), []],
    ['a rule that learns', { seccomp }, ruleOf('learn', 'shop'), []],
    ['a rule for another profile', { seccomp }, ruleOf('enforce', 'shop', { name: 'api' }), []],
    ['a rule of another namespace', { seccomp }, ruleOf('enforce', 'mail'), []],
    ['a rule of the root namespace', { seccomp }, platform, [root]],
    [
      '… that names another namespace',
      { seccomp },
      ruleOf('enforce', 'secco-system', { name: 'web', namespace: 'mail' }),
      []
    ],
    ['a ladder', { seccomp, ladder: enforce }, undefined, [ladder]],
    ['a ladder, and a rule in audit', { seccomp, ladder: enforce }, ruleOf('audit'), [ladder]],
    ['a pin', { seccomp, ladder: pinned }, rule, [{ ...ladder, revision: older }]],
    [
      'a pin under a root rule',
      { seccomp, ladder: pinned },
      platform,
      [{ ...ladder, revision: older }]
    ],
    ['a canary', { seccomp, ladder: canary }, undefined, [ladder]],
    ['the others of a canary', { seccomp, ladder: audited }, undefined, [ladder]],
    ['people moved it to audit', { seccomp, ladder: audit }, rule, []],
    ['… which a root rule does not allow', { seccomp, ladder: audit }, platform, [root]]
  ]
  for (const [what, spec, given, expected] of table) {
    const rules = given === undefined ? [] : [given]
    t.strictSame(enforcementsOf(profileOf(spec), rules), expected, what)
  }
  t.end()
})

const byLabel = { revision: older, labelMode: 'audit' as const }
const workload = { kind: 'Container', name: 'web', container: '', image: '' } as never
const start = { startup: { x86_64: ['read', 'bind', 'listen'] } }
const whole = allow('read', 'bind', 'listen')
const parent: SeccompProfile = {
  ...profileOf({ seccomp: allow('bind', 'listen') }),
  metadata: { namespace: 'shop', name: 'base' }
}

/** Returns the objects before and after a write of the profile. */
function written(
  before: SeccompProfile['spec'],
  after: SeccompProfile['spec'],
  status: SeccompProfile['status'],
  rules: readonly SeccompRule[] = []
): [StoredObjects, StoredObjects] {
  const stored = { profiles: [profileOf(before, status), parent], rules }
  return [stored, withProfile(stored, profileOf(after))]
}

function ruleWritten(spec: SeccompProfile['spec'], given: SeccompRule, status = start as object) {
  const stored = { profiles: [profileOf(spec, status), parent], rules: [] }
  return [stored, withRule(stored, given)] as [StoredObjects, StoredObjects]
}

test('what begins to enforce a start that can fail needs force', (t) => {
  const byRule = [rule]
  const child = { seccomp, extends: ['base'] }
  const family = { profiles: [profileOf(child, start), parent], rules: byRule }
  const weaker = withProfile(family, { ...parent, spec: { seccomp: allow('bind') } })
  // [what, before and after, the words of the rejection]
  const table: [string, [StoredObjects, StoredObjects], RegExp | undefined][] = [
    [
      'an approval',
      written({}, { seccomp }, late, byRule),
      /No start was recorded.*; the rule shop\/r enforces it at once$/
    ],
    ['a later approval', written({ seccomp }, { seccomp: whole }, late, byRule), undefined],
    ['an approval without a rule', written({}, { seccomp }, late), undefined],
    [
      'a document that leaves audit',
      written({ seccomp, ladder: audit }, { seccomp }, late, byRule),
      /No start/
    ],
    [
      'a document with a ladder',
      written({ seccomp }, { seccomp, ladder: enforce }, late),
      /; its ladder enforces it at once$/
    ],
    [
      'a document with a canary',
      written({ seccomp }, { seccomp, ladder: canary }, late),
      /its ladder/
    ],
    [
      'the end of a canary',
      written({ seccomp, ladder: canary }, { seccomp, ladder: enforce }, late),
      undefined
    ],
    [
      'an approval that lacks calls',
      written({}, { seccomp }, start, byRule),
      /called bind, listen, and its revision denies them.*; the rule shop\/r/
    ],
    [
      'calls that are denied',
      written({ seccomp: whole }, { seccomp }, start, byRule),
      /called bind, listen/
    ],
    [
      '… under a ladder',
      written({ seccomp: whole, ladder: enforce }, { seccomp, ladder: enforce }, start),
      /called bind, listen.*its ladder/
    ],
    [
      '… in audit',
      written({ seccomp: whole, ladder: audit }, { seccomp, ladder: audit }, start),
      undefined
    ],
    [
      '… under a pin',
      written({ seccomp: whole, ladder: pinned }, { seccomp, ladder: pinned }, start),
      undefined
    ],
    [
      'one more call',
      written({ seccomp: allow('read', 'bind') }, { seccomp }, start, byRule),
      /called bind, and its revision denies it/
    ],
    [
      'calls that were denied before',
      written({ seccomp }, { seccomp: allow('read', 'acct') }, start, byRule),
      undefined
    ],
    [
      'a parent that is left out',
      written(child, { seccomp }, start, byRule),
      /called bind, listen/
    ],
    [
      'a parent that loses a call',
      [family, weaker],
      /^force: shop\/web: recorded starts called listen/
    ],
    ['a rule', ruleWritten({ seccomp }, rule), /called bind, listen.*the rule shop\/r/],
    ['a rule, no start', ruleWritten({ seccomp }, rule, late), /No start/],
    ['a rule in audit', ruleWritten({ seccomp }, ruleOf('audit')), undefined],
    ['a rule of what is promoted', ruleWritten({ seccomp, ladder: enforce }, rule), undefined],
    ['a rule for what allows all', ruleWritten({ seccomp: whole }, rule), undefined],
    [
      'calls that are denied to pods with the label',
      written({ seccomp: whole }, { seccomp }, { ...start, revision: older }),
      /called bind, listen.*; the label secco.dev\/profile enforces it at once$/
    ],
    [
      '… which does not enforce yet',
      written({ seccomp: whole }, { seccomp }, { ...start, ...byLabel }),
      undefined
    ],
    [
      '… outside Kubernetes',
      written({ seccomp: whole, workload }, { seccomp, workload }, { ...start, revision: older }),
      undefined
    ],
    [
      'a ladder of what pods have by the label',
      written({ seccomp }, { seccomp, ladder: enforce }, { ...late, revision: older }),
      /No start.*; its ladder enforces it at once$/
    ],
    [
      'a document that leaves audit to the label',
      written({ seccomp, ladder: audit }, { seccomp }, { ...late, revision: older }),
      /No start.*; the label/
    ],
    [
      'a rule that is deleted',
      [
        { profiles: [profileOf({ seccomp }, { ...late, revision: older })], rules: byRule },
        { profiles: [profileOf({ seccomp }, { ...late, revision: older })], rules: [] }
      ],
      undefined
    ]
  ]
  for (const [what, sides, words] of table) {
    const check = (force: boolean) => () => mustNotBeginToEnforce(...sides, { force })
    t.doesNotThrow(check(true), `${what}: forced`)
    if (words === undefined) t.doesNotThrow(check(false), what)
    else {
      const expected = { code: 'INVALID_ARGUMENT', field: 'force', message: words }
      t.throws(check(false), { ...expected, hint: /nevertheless add `--force`/ }, what)
    }
  }
  t.end()
})

test('the next step says whether calls are denied already, or would be', (t) => {
  const keep = written({ seccomp: whole }, { seccomp }, start, [rule])
  const hintOf = (sides: [StoredObjects, StoredObjects]) => {
    try {
      mustNotBeginToEnforce(...sides, {})
      return ''
    } catch (error) {
      return toSeccoError(error).hint
    }
  }
  t.match(hintOf(keep), /^keep bind, listen allowed, or let/)
  const first = written({}, { seccomp }, start, [rule])
  t.match(hintOf(first), /^keep bind, listen allowed, or let/, 'one call alone approves no start')
  const made = ruleWritten({ seccomp }, rule)
  t.match(
    hintOf(made),
    /^allow what it needs with `secco profile call shop\/web --allow bind,listen --reason WHY`;/
  )
  t.end()
})

test('an earlier revision counts as far as it is known', (t) => {
  const sides = written(
    { seccomp: whole, ladder: enforce },
    { seccomp: whole, ladder: pinned },
    start
  )
  // [what, what the earlier revision allows, is it rejected]
  const table: [string, ReturnType<typeof allow> | undefined, boolean][] = [
    ['it denies the start', allow('read'), true],
    ['it allows the start', whole, false],
    ['nobody knows it', undefined, false]
  ]
  for (const [what, filter, isRejected] of table) {
    const filterOf = (digest: string) => (digest === older ? filter : undefined)
    const nevertheless = (key: string) => `run \`secco rollback ${key} --force --reason WHY\``
    const go = () => mustNotBeginToEnforce(...sides, { filterOf, nevertheless })
    if (isRejected)
      t.throws(
        go,
        { code: 'INVALID_ARGUMENT', hint: /nevertheless run `secco rollback shop\/web --force/ },
        what
      )
    else t.doesNotThrow(go, what)
  }
  t.end()
})
