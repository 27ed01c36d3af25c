import { test } from 'tap'
import { decide } from '../../../src/rules/decide.js'
import type { LadderState } from '../../../src/rules/profile-state.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { container, pod, toCheckout } from '../../helpers/decisions.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'

const revision = (digit: string) => testRevision('shop', 'checkout.app', digit)

function decided(mode: 'learn' | 'audit' | 'enforce', ladder: LadderState, namespace?: string) {
  return buildSnapshot({
    rules: [testRule('web', { ...toCheckout, mode }, namespace)],
    profiles: [testProfile('shop', 'checkout.app', { ladder })]
  })
}

test('a ladder may tighten a rule of the root namespace, never loosen it', (t) => {
  const table = [
    ['secco-system', 'audit', 'enforce', 'enforce'],
    ['secco-system', 'enforce', 'audit', 'enforce'],
    ['secco-system', 'enforce', 'learn', 'enforce'],
    ['secco-system', 'learn', 'audit', 'audit'],
    ['shop', 'enforce', 'audit', 'audit'],
    ['shop', 'audit', 'enforce', 'enforce']
  ] as const
  for (const [namespace, rule, mode, expected] of table) {
    const [got] = decide(decided(rule, { mode }, namespace), pod()).containers
    t.equal(got?.mode, expected, `rule of ${namespace}: ${rule}, ladder: ${mode}`)
  }
  t.end()
})

test('a second call for a pod of a canary decides for the same side', (t) => {
  const canary = {
    mode: 'enforce' as const,
    canary: { percent: 50, from: { mode: 'enforce' as const, revision: revision('c') } }
  }
  const snapshot = decided('enforce', canary, 'shop')
  for (const [turn, digit, isCanary] of [
    [0, 'a', true],
    [1, 'c', undefined]
  ] as const) {
    const first = decide(snapshot, pod({ name: 'web-', turn })).containers[0]
    t.match(first, { revision: `sha256:${digit.repeat(64)}` }, `pod ${turn}`)
    t.equal(first?.canary, isCanary)
    const given = { type: 'Localhost', localhostProfile: revision(digit).path }
    // A second webhook, and a restarted one, counts from another number.
    for (const later of [0, 1, 2, 3]) {
      const facts = pod({ name: 'web-', turn: later, containers: [container({ seccomp: given })] })
      const again = decide(snapshot, facts).containers[0]
      t.equal(again?.revision, first?.revision, `pod ${turn}, called again as ${later}`)
      t.equal(again?.canary, isCanary)
    }
  }
  t.end()
})
