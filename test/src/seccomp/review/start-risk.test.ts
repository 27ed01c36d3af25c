import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { pinOf } from '../../../../src/confinement/pin.js'
import {
  approvedStartRisk,
  deniedStartCalls,
  isRisky,
  ownLadder,
  promoteCommand,
  startRiskNext,
  startRiskText
} from '../../../../src/seccomp/review/start-risk.js'
import { instance, profileOf } from '../../../helpers/instances.js'

const late = instance(0, ['read'], { complete: false })
const allow = (...names: string[]) => ({
  defaultAction: 'SCMP_ACT_ERRNO' as const,
  syscalls: [{ names, action: 'SCMP_ACT_ALLOW' as const }]
})
const started = { startup: { x86_64: ['read', 'listen', 'bind', 'acct'] } }

test('a revision denies the start calls of which it says nothing', (t) => {
  const revision = {
    syscalls: [
      { names: ['read', 'execve'], action: 'SCMP_ACT_ALLOW' as const },
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO' as const, errnoRet: 38 }
    ]
  }
  const startup = { x86_64: ['read', 'clone3', 'listen', 'bind', 'syscall_999'], i386: ['bind'] }
  const profile = profileOf({}, { startup })
  t.strictSame(deniedStartCalls(profile, revision), ['bind', 'listen'], 'a rule is a decision')
  const open = { ...revision, defaultAction: 'SCMP_ACT_LOG' as const }
  t.strictSame(deniedStartCalls(profile, open), [], 'a default that passes denies nothing')
  t.end()
})

const overlay: SeccompProfile = {
  ...profileOf({
    seccomp: {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['listen'], action: 'SCMP_ACT_ERRNO' }]
    }
  }),
  metadata: { namespace: 'secco-system', name: 'emergency' }
}
const base: SeccompProfile = {
  ...profileOf({ seccomp: allow('bind', 'listen') }),
  metadata: { namespace: 'shop', name: 'base' }
}
const resolveOf =
  (...known: SeccompProfile[]) =>
  (namespace: string, name: string) =>
    known.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
const mute = ['bind', 'listen'].map((syscall) => ({
  syscall,
  by: 'ann',
  at: '2026-01-01T00:00:00Z'
}))
const denied =
  /^recorded starts called bind, listen, and its revision denies them: a restart under it can fail$/
const nothing = { unseen: false, denied: [], blocked: [] }

test('why a start under what is approved can fail, in words and with what ends it', (t) => {
  const spec = { seccomp: allow('read', 'acct') }
  // [what, profile, the other profiles, the risk, its words, the next step]
  const table = [
    [
      'no start',
      profileOf(spec, { instances: [late] }),
      [],
      { ...nothing, unseen: true },
      /^No start was recorded: /,
      /^restart one/
    ],
    ['nothing recorded', profileOf(spec), [], nothing, /^$/, /^$/],
    [
      'calls that it lacks',
      profileOf(spec, started),
      [],
      { ...nothing, denied: ['bind', 'listen'] },
      denied,
      /^allow what it needs with `secco profile call shop\/web --allow bind,listen --reason WHY`$/
    ],
    [
      'a mute says nothing of a start',
      profileOf({ ...spec, mute }, started),
      [],
      { ...nothing, denied: ['bind', 'listen'] },
      denied,
      /^allow/
    ],
    [
      'a parent allows them',
      profileOf({ ...spec, extends: ['base'] }, started),
      [base],
      nothing,
      /^$/,
      /^$/
    ],
    [
      'a parent is missing',
      profileOf({ ...spec, extends: ['base'] }, started),
      [],
      nothing,
      /^$/,
      /^$/
    ],
    [
      'a block denies one',
      profileOf({ ...spec, extends: ['base'] }, started),
      [base, overlay],
      { ...nothing, blocked: ['listen'] },
      /^recorded starts called listen, which is blocked in an emergency: a restart can fail until the block ends$/,
      /^end the block with `secco block listen --remove --reason WHY`$/
    ],
    [
      'a block denies one, and the revision another',
      profileOf(spec, started),
      [overlay],
      { ...nothing, denied: ['bind'], blocked: ['listen'] },
      /called bind, and its revision denies it.*; recorded starts called listen, which is blocked/,
      /--allow bind --reason WHY`; end the block with/
    ]
  ] as const
  for (const [what, profile, others, expected, text, next] of table) {
    const resolve = resolveOf(...others)
    const risk = approvedStartRisk(profile, resolve)
    t.strictSame(risk, expected, what)
    t.match(startRiskText(profile, risk), text, `${what}: words`)
    const byLadder = startRiskNext(profile, risk, { isWritten: true, by: ownLadder })
    t.match(byLadder, next, `${what}: next step`)
    const audit = /audit first with `secco promote shop\/web audit --reason WHY`/
    if (risk.unseen) t.match(byLadder, audit, `${what}: the command of a first start`)
    const force = isRisky(risk) ? ' --force' : ''
    const command = (mode: string, how = '') => `secco promote shop/web ${mode}${how} --reason WHY`
    t.equal(promoteCommand(profile, 'enforce', risk), command('enforce', force), `${what}: promote`)
    t.equal(promoteCommand(profile, 'audit', risk), command('audit'), `${what}: audit`)
    const revision = `sha256:${'1'.repeat(64)}`
    const pinned = {
      ...profile,
      spec: { ...profile.spec, ladder: { mode: 'enforce' as const, revision } }
    }
    const pin = pinOf(pinned, () => approvedStartRisk(pinned, resolve))
    t.equal(pin?.leave, command('enforce', force), `${what}: the command that leaves a pin`)
  }
  t.end()
})
