import { test } from 'tap'
import type { Ladder } from '../../../src/api/ladder.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { promoteLadder } from '../../../src/confinement/ladder.js'
import { decide } from '../../../src/rules/decide.js'
import type { LadderState } from '../../../src/rules/profile-state.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { container, pod, toCheckout } from '../../helpers/decisions.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'

const revision = (digit: string) => testRevision('shop', 'checkout.app', digit)

const notReady = {
  enforce: { ...revision('a'), ready: false },
  audit: { ...revision('b'), ready: false }
}

/** Returns the state of a ladder that names no revisions. */
function ladderState(ladder: Ladder | undefined): LadderState {
  if (ladder === undefined) throw new Error('no ladder')
  const { mode, canary } = ladder
  if (canary === undefined) return { mode }
  return { mode, canary: { percent: canary.percent, from: { mode: canary.from.mode } } }
}

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

test('what a canary is compared with does not loosen a rule of the root namespace either', (t) => {
  const table = [
    ['secco-system', 'enforce', 'learn', 'enforce'],
    ['secco-system', 'enforce', 'audit', 'enforce'],
    ['secco-system', 'audit', 'learn', 'audit'],
    ['secco-system', 'learn', 'learn', 'learn'],
    ['secco-system', 'audit', 'audit', 'audit'],
    ['secco-system', 'audit', 'enforce', 'enforce'],
    ['shop', 'enforce', 'learn', 'learn'],
    ['shop', 'enforce', 'audit', 'audit']
  ] as const
  const mine = { type: 'Localhost', localhostProfile: 'mine.json' }
  // The first pods of a canary are in it.
  const [turn, percent] = [50, 1]
  for (const [namespace, rule, from, expected] of table) {
    const what = `rule of ${namespace}: ${rule}, others: ${from}`
    const ladder = { mode: 'enforce' as const, canary: { percent, from: { mode: from } } }
    const used = decided(rule, ladder, namespace)
    const [got] = decide(used, pod({ name: 'web-', turn })).containers
    t.equal(got?.mode, expected, what)
    t.equal(got?.outcome, expected === 'learn' ? 'learn' : 'assigned', what)
    t.equal(got?.canary, undefined, what)
    const own = pod({ name: 'web-', turn, containers: [container({ seccomp: mine })] })
    const isEnforced = namespace === 'secco-system' && expected === 'enforce'
    const outcome = isEnforced ? 'assigned' : 'kept'
    t.equal(decide(used, own).containers[0]?.outcome, outcome, `${what}, a file of the author`)
    const lacked = buildSnapshot({
      rules: [testRule('web', { ...toCheckout, mode: rule, whenNotReady: 'Deny' }, namespace)],
      profiles: [testProfile('shop', 'checkout.app', { ladder, ...notReady })]
    })
    const { allowed } = decide(lacked, pod({ name: 'web-', turn }))
    t.equal(allowed, expected === 'learn', `${what}, and whenNotReady: Deny`)
  }
  t.end()
})

test('a promotion with a canary takes enforcement from no pod that a rule of the root namespace gives it', (t) => {
  const profile: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    metadata: { namespace: 'shop', name: 'checkout.app' },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' }, ladder: { mode: 'audit' } }
  }
  const words = { by: 'ada', at: '2026-01-01T00:00:00Z', reason: 'quiet' }
  const promoted = promoteLadder(profile, {
    ...words,
    ...{ mode: 'enforce', canary: 10, current: 'audit' }
  }).spec.ladder
  t.match(promoted, { mode: 'enforce', canary: { percent: 10, from: { mode: 'audit' } } })
  for (const ladder of [{ mode: 'audit' } as const, ladderState(promoted)]) {
    const used = decided('enforce', ladder, 'secco-system')
    const modes = Array.from(
      { length: 20 },
      (_, turn) => decide(used, pod({ name: 'web-', turn })).containers[0]?.mode
    )
    t.same(new Set(modes), new Set(['enforce']), JSON.stringify(ladder))
  }
  t.end()
})

test('a running container keeps its side of a canary; a path in a new pod is no side', (t) => {
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
    const { path } = revision(digit)
    for (const later of [0, 1, 2, 3]) {
      const running = pod({ name: 'web-', turn: later, containers: [container({ given: path })] })
      const again = decide(snapshot, running).containers[0]
      t.equal(again?.revision, first?.revision, `pod ${turn}, computed again as ${later}`)
      t.equal(again?.canary, isCanary)
      const seccomp = { type: 'Localhost', localhostProfile: path }
      const made = pod({ name: 'web-', turn: later, containers: [container({ seccomp })] })
      const isNext = later % 2 === 0 ? true : undefined
      t.equal(decide(snapshot, made).containers[0]?.canary, isNext, `${digit} by hand, ${later}`)
    }
  }
  t.end()
})

test('a label gives audit where a start can fail; rules and ladders decide as they are written', (t) => {
  const label = { labels: { app: 'web', 'secco.dev/profile': 'checkout.app' } }
  const enforcing = testRule('web', { ...toCheckout, mode: 'enforce' }, 'shop')
  const held = { startAtRisk: true }
  // [what, the state, rules, the mode, what else is said]
  const table = [
    ['a label', {}, [], 'enforce', {}],
    ['a start that can fail', { labelMode: 'audit' }, [], 'audit', held],
    ['… under a rule', { labelMode: 'audit' }, [enforcing], 'enforce', {}],
    ['… promoted', { labelMode: 'audit', ladder: { mode: 'enforce' } }, [], 'enforce', {}],
    ['… in audit by its ladder', { labelMode: 'audit', ladder: { mode: 'audit' } }, [], 'audit', {}]
  ] as const
  for (const [what, state, rules, mode, more] of table) {
    const profiles = [testProfile('shop', 'checkout.app', state)]
    const snapshot = buildSnapshot({ rules, profiles })
    const decision = decide(snapshot, pod(label))
    const [got] = decision.containers
    const revision = mode === 'audit' ? 'b' : 'a'
    t.match(got, { mode, revision: `sha256:${revision.repeat(64)}`, ...more }, what)
    t.equal(got?.startAtRisk, 'startAtRisk' in more ? true : undefined, what)
    const said =
      /: audit shop\/checkout.app, revision .*, not enforce, because a start under it can fail \(label/
    t.equal(
      decision.warnings.some((one) => said.test(one)),
      'startAtRisk' in more,
      what
    )
  }
  t.end()
})
