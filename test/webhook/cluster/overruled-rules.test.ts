import { test } from 'tap'
import { decide } from '../../../src/rules/decide.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { overruledRules } from '../../../webhook/cluster/overruled-rules.js'
import { withRuleConditions } from '../../../webhook/cluster/rule-status.js'
import { container, pod } from '../../helpers/decisions.js'
import { testProfile, testRule } from '../../helpers/rules.js'

test('a rule that selects a pod and loses is named, with the rule that decides', (t) => {
  const all = { podSelector: {}, profile: { namespace: 'shop', name: 'web' } }
  const rules = {
    wide: testRule('wide', all),
    first: testRule('first', { ...all, priority: 5 }),
    app: testRule('app', { ...all, priority: 5, containers: ['app'] }),
    own: testRule('own', { ...all, mode: 'enforce' }, 'shop'),
    lax: testRule('lax', { podSelector: {}, mode: 'learn' }),
    limit: testRule('limit', { podSelector: {}, mode: 'learn', priority: 5 }),
    learn: testRule('learn', { podSelector: {}, mode: 'learn' }, 'shop')
  }
  // [what, rules, labels, who loses to whom]
  const table: [string, (keyof typeof rules)[], Record<string, string>, string[]][] = [
    ['alone', ['wide'], {}, []],
    ['by priority', ['wide', 'first'], {}, ['wide < first']],
    ['each decides about a container', ['wide', 'app'], {}, []],
    ['tightened by a namespace', ['learn', 'wide'], {}, ['learn < wide']],
    ['by a limit that a namespace tightens', ['lax', 'limit', 'own'], {}, ['lax < limit']],
    ['nobody but a label decides', ['learn'], { 'secco.dev/profile': 'web' }, []]
  ]
  for (const [what, names, labels, expected] of table) {
    const snapshot = buildSnapshot({
      rules: names.map((name) => rules[name]),
      profiles: [testProfile('shop', 'web')]
    })
    const containers = [container(), container({ name: 'side', index: 1 })]
    const short = (key: string) => key.slice(key.indexOf('/') + 1)
    const found = overruledRules(decide(snapshot, pod({ labels, containers })))
    t.same(
      found.map(({ rule, by }) => `${short(rule)} < ${short(by)}`),
      expected,
      what
    )
  }
  t.end()
})

test('the condition Overruled comes and goes, and names the winners', (t) => {
  const rule = testRule('web', { mode: 'learn' })
  const of = (before: typeof rule, ...overruledBy: string[]) =>
    withRuleConditions(before, [], new Map(), '2026-01-01T00:00:00Z', {
      unpatched: [],
      overruledBy,
      isSelecting: true
    })
  const conditionOf = (one: typeof rule) =>
    one.status?.conditions?.find(({ type }) => type === 'Overruled')
  t.equal(conditionOf(of(rule)), undefined, 'a rule that never lost has none')
  const lost = of(rule, 'shop/b', 'shop/a')
  t.match(conditionOf(lost), {
    ...{ status: 'True', reason: 'OtherRuleWins' },
    message: /^selects pods that shop\/a, shop\/b decide about: the higher spec\.priority wins/
  })
  t.equal(of(lost, 'shop/a', 'shop/b'), lost, 'the order of pods writes nothing')
  t.match(conditionOf(of(lost)), { status: 'False', reason: 'NotOverruled' })
  t.end()
})
