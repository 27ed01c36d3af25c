import { test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Mode, SeccompRule } from '../../../src/api/seccomp-rule.js'
import {
  deniedStartCalls,
  mustAllowStart,
  mustHaveSeenStart,
  mustNotEnforceUnseenStart,
  unseenStartEnforcedBy
} from '../../../src/confinement/seen-start.js'
import { instance, profileOf } from '../../helpers/instances.js'

const late = instance(0, ['read'], { complete: false })
const unseen = profileOf({}, { instances: [late] })
const started = profileOf({}, { instances: [late, instance(1, ['read'])] })
const seccomp = { defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls: [] }

test('a profile whose start was not recorded is enforced only by force', (t) => {
  // [what, profile, options, is it rejected]
  const table: [string, SeccompProfile, Parameters<typeof mustHaveSeenStart>[1], boolean][] = [
    ['enforce', unseen, { mode: 'enforce' }, true],
    ['force is off', unseen, { mode: 'enforce', force: false }, true],
    ['forced', unseen, { mode: 'enforce', force: true }, false],
    ['audit: the first start', unseen, { mode: 'audit' }, false],
    ['an instance started since', started, { mode: 'enforce' }, false],
    ['a written profile', profileOf({ seccomp }), { mode: 'enforce' }, false]
  ]
  for (const [what, profile, options, isRejected] of table) {
    const promote = () => mustHaveSeenStart(profile, options)
    if (!isRejected) t.doesNotThrow(promote, what)
    else {
      t.throws(
        promote,
        {
          ...{ code: 'INVALID_ARGUMENT', field: 'force' },
          message: /^force: shop\/web: No start was recorded: .* A restart under it can fail$/,
          hint: /^restart one .* `secco promote shop\/web audit --reason WHY`; .* --force --reason WHY`$/
        },
        what
      )
    }
  }
  t.end()
})

test('a revision that denies what recorded starts called is enforced only by force', (t) => {
  const revision = {
    syscalls: [
      { names: ['read', 'execve'], action: 'SCMP_ACT_ALLOW' as const },
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO' as const, errnoRet: 38 }
    ]
  }
  const startup = { x86_64: ['read', 'clone3', 'listen', 'bind', 'syscall_999'], i386: ['bind'] }
  const profile = profileOf({ seccomp }, { startup })
  t.strictSame(deniedStartCalls(profile, revision), ['bind', 'listen'], 'a rule is a decision')
  // [what, profile, options, is it rejected]
  const whole = profileOf({ seccomp }, { startup: { x86_64: ['read', 'clone3'] } })
  const decision = { by: 'ann', at: '2026-01-01T00:00:00Z' }
  const mute = ['bind', 'listen'].map((syscall) => ({ syscall, ...decision }))
  const muted = profileOf({ seccomp, mute }, { startup })
  const table: [string, SeccompProfile, Parameters<typeof mustAllowStart>[2], boolean][] = [
    ['enforce', profile, { mode: 'enforce' }, true],
    ['forced', profile, { mode: 'enforce', force: true }, false],
    ['audit', profile, { mode: 'audit' }, false],
    ['a mute raises no alarm, and says nothing of a start', muted, { mode: 'enforce' }, true],
    ['all approved', whole, { mode: 'enforce' }, false],
    ['nothing recorded', profileOf({ seccomp }), { mode: 'enforce' }, false]
  ]
  for (const [what, one, options, isRejected] of table) {
    const promote = () => mustAllowStart(one, revision, options)
    if (!isRejected) t.doesNotThrow(promote, what)
    else
      t.throws(
        promote,
        {
          message:
            'force: shop/web: recorded starts called bind, listen, and its revision denies them: a restart under it can fail',
          hint: /`secco diff shop\/web` .*`secco promote shop\/web enforce --force --reason WHY`/
        },
        what
      )
  }
  t.end()
})

function ruleOf(
  mode: Mode,
  own: string,
  profile: { namespace?: string; name: string } | undefined
) {
  return {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule' },
    metadata: { namespace: own, name: 'r' },
    spec: { mode, ...(profile === undefined ? {} : { profile }) }
  } as SeccompRule
}

test('the first approval of such a profile needs force where a rule enforces it at once', (t) => {
  const name = 'web'
  const enforce = ruleOf('enforce', 'shop', { name })
  // [what, profile, rule, the rule that enforces it at once]
  const table: [string, SeccompProfile, SeccompRule, string | undefined][] = [
    ['a rule in enforce mode', unseen, enforce, 'shop/r'],
    ['a rule in audit mode', unseen, ruleOf('audit', 'shop', { name }), undefined],
    ['a rule that learns', unseen, ruleOf('learn', 'shop', { name }), undefined],
    ['a rule for another profile', unseen, ruleOf('enforce', 'shop', { name: 'api' }), undefined],
    ['a rule without a profile', unseen, ruleOf('enforce', 'shop', undefined), undefined],
    ['a rule of another namespace', unseen, ruleOf('enforce', 'mail', { name }), undefined],
    [
      'a rule of the platform',
      unseen,
      ruleOf('enforce', 'secco-system', { name }),
      'secco-system/r'
    ],
    [
      'one that names another namespace',
      unseen,
      ruleOf('enforce', 'secco-system', { name, namespace: 'mail' }),
      undefined
    ],
    ['its start was recorded', started, enforce, undefined],
    ['approved before', { ...unseen, spec: { seccomp } }, enforce, undefined],
    [
      'people moved it to audit',
      { ...unseen, spec: { ladder: { mode: 'audit' } } },
      enforce,
      undefined
    ]
  ]
  for (const [what, profile, rule, by] of table) {
    t.equal(unseenStartEnforcedBy(profile, [rule]), by, what)
    const approve = (force?: boolean) => () => mustNotEnforceUnseenStart(profile, [rule], { force })
    t.doesNotThrow(approve(true), `${what}: forced`)
    if (by === undefined) t.doesNotThrow(approve(), what)
    else {
      const expected = {
        ...{ code: 'INVALID_ARGUMENT', field: 'force' },
        message: new RegExp(`the rule ${by} enforces it as soon as it is approved$`),
        hint: /secco profile approve shop\/web --force --reason WHY/
      }
      t.throws(approve(), expected, what)
    }
  }
  t.end()
})
