import { test } from 'tap'
import { buildPatch } from '../../../webhook/admission/patch.js'
import { decide } from '../../../src/rules/decide.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { testProfile, testRule } from '../../helpers/rules.js'
import { container, pod } from '../../helpers/decisions.js'

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
    t.match(
      decision.warnings.at(-1),
      /kubectl label --overwrite namespace \S+ secco\.dev\/mode=enabled/
    )
    t.match(decision.warnings[0], app === 'web' ? /^secco would: app: enforce/ : /would: .*Deny/)
  }
  t.end()
})
