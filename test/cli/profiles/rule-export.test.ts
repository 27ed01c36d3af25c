import { test } from 'tap'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { policyOfRule } from '../../../cli/profiles/rule-export.js'
import { exportAdmissionPolicy } from '../../../src/seccomp/export/admission-policy.js'
import { matchLists } from '../../helpers/match-lists.js'

const ruleOf = (namespace: string, spec: Partial<SeccompRule['spec']>): SeccompRule => ({
  ...{
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompRule',
    metadata: { namespace, name: 'web' }
  },
  spec: { mode: 'enforce', ...spec }
})
const never = {
  key: 'kubernetes.io/metadata.name',
  operator: 'NotIn',
  values: ['kube-system', 'kube-node-lease', 'secco-system']
}

test('a rule as a policy: whom it means, and what the hub is to fill in', (t) => {
  const profile = { name: 'web.app' }
  const podSelector = { matchExpressions: [{ key: 'app', operator: 'Exists' as const }] }
  const namespaceSelector = { matchLabels: { team: 'shop' } }
  const table: [string, SeccompRule, object, object][] = [
    [
      'of the root namespace',
      ruleOf('secco-system', {
        ...{ podSelector, namespaceSelector, whenNotReady: 'Previous' },
        profile: { ...profile, namespace: 'shop' }
      }),
      {
        objectSelector: podSelector,
        namespaceSelector: { matchLabels: { team: 'shop' }, matchExpressions: [never] }
      },
      {
        ...{ profile: 'shop/web.app', localhostProfile: '', containers: '', mode: 'enforce' },
        ...{ whenNotReady: 'Previous', rule: 'secco-system/web' }
      }
    ],
    [
      'of another one: for it alone',
      ruleOf('shop', { profile, namespaceSelector, containers: ['app', 'init'], mode: 'audit' }),
      {
        objectSelector: {},
        namespaceSelector: {
          matchLabels: undefined,
          matchExpressions: [never, { key: never.key, operator: 'In', values: ['shop'] }]
        }
      },
      {
        ...{ profile: 'shop/web.app', containers: 'app,init', mode: 'audit' },
        ...{ whenNotReady: 'RuntimeDefault', rule: 'shop/web' }
      }
    ],
    [
      'that learns',
      ruleOf('shop', { mode: 'learn', containers: ['*'] }),
      { objectSelector: {} },
      { profile: '', localhostProfile: '', containers: '', mode: 'learn' }
    ]
  ]
  for (const [what, rule, matchResources, data] of table) {
    const [, binding, parameters] = exportAdmissionPolicy(policyOfRule(rule))
    matchLists(t, binding, { spec: { matchResources } }, what)
    t.match(parameters, { data }, what)
  }
  for (const [what, spec, says] of [
    ['images', { images: ['nginx'] }, /cannot express images/],
    ['Deny', { whenNotReady: 'Deny' }, /cannot express whenNotReady: Deny/],
    ['patterns', { containers: ['web-*'] }, /cannot express containers with '\*'/]
  ] as [string, Partial<SeccompRule['spec']>, RegExp][]) {
    t.throws(
      () => policyOfRule(ruleOf('shop', { profile, ...spec })),
      { code: 'INVALID_ARGUMENT', message: says },
      what
    )
  }
  t.end()
})

test('no rule and no profile get the same objects', (t) => {
  const nameOf = (namespace: string, name: string, rule?: string) => {
    const [, binding] = exportAdmissionPolicy({
      ...{ namespace, name, localhostProfile: '', podSelector: {} },
      ...(rule === undefined ? {} : { rule })
    })
    return (binding?.['metadata'] as { name: string }).name
  }
  const long = 'a'.repeat(80)
  const names = [
    nameOf('shop', 'web'),
    nameOf('shop', 'web', 'shop/web'),
    nameOf('shop', long),
    nameOf('shop', `${long}b`),
    nameOf('shop', long, `shop/${long}`)
  ]
  t.equal(new Set(names).size, names.length)
  t.ok(names.every((name) => name.length <= 63))
  t.end()
})
