import { test } from 'tap'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { withRuleConditions } from '../../../webhook/cluster/rule-status.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'

test('the conditions of rules: in force or not, and what pods get', (t) => {
  const now = '2026-11-24T10:00:00.000Z'
  const states = new Map([
    ['secco-system/there', testProfile('secco-system', 'there')],
    [
      'secco-system/waits',
      testProfile('secco-system', 'waits', {
        enforce: testRevision('secco-system', 'waits', 'a', false)
      })
    ],
    [
      'secco-system/half',
      testProfile('secco-system', 'half', {
        audit: testRevision('secco-system', 'half', 'b', false)
      })
    ],
    [
      'secco-system/pinned',
      testProfile('secco-system', 'pinned', {
        ladder: {
          mode: 'enforce',
          revision: testRevision('secco-system', 'pinned', 'c', false)
        }
      })
    ],
    [
      'secco-system/slow',
      testProfile('secco-system', 'slow', {
        audit: testRevision('secco-system', 'slow', 'b', false),
        ladder: { mode: 'audit' }
      })
    ],
    ['secco-system/eased', testProfile('secco-system', 'eased', { ladder: { mode: 'learn' } })],
    ['secco-system/raw', { namespace: 'secco-system', name: 'raw', approved: false }]
  ])
  const reasons = (
    spec: Parameters<typeof testRule>[1],
    problems: string[] = [],
    namespace = 'secco-system'
  ) =>
    withRuleConditions(testRule('r', spec, namespace), problems, states, now)
      .status?.conditions?.filter(({ type }) => type !== 'PodsSelected')
      .map(({ type, status, reason }) => `${type} ${status} ${reason}`)
  t.same(reasons({ profile: { name: 'there' } }), [
    'Accepted True Valid',
    'Ready True ProfileReady'
  ])
  t.same(reasons({ profile: { name: 'waits' } }), [
    'Accepted True Valid',
    'Ready False WaitingForNodes'
  ])
  const ready = (name: string, mode: 'audit' | 'enforce') =>
    reasons({ mode, profile: { name } })?.[1]
  t.equal(ready('half', 'enforce'), 'Ready True ProfileReady')
  t.equal(ready('half', 'audit'), 'Ready False WaitingForNodes', 'the revision of the mode')
  t.equal(ready('pinned', 'enforce'), 'Ready False WaitingForNodes', 'the pinned revision')
  t.equal(ready('slow', 'enforce'), 'Ready False WaitingForNodes', 'the mode of the ladder')
  t.equal(ready('eased', 'enforce'), 'Ready True Learning', 'the ladder gives no filter')
  t.same(reasons({ profile: { name: 'raw' } }), [
    'Accepted True Valid',
    'Ready False ProfileNotApproved'
  ])
  t.same(reasons({ profile: { name: 'own' } }), [
    'Accepted True Valid',
    'Ready Unknown PerNamespace'
  ])
  t.same(reasons({ profile: { name: 'own' } }, [], 'shop'), [
    'Accepted True Valid',
    'Ready False ProfileNotFound'
  ])
  t.same(reasons({ mode: 'learn' }, ['spec.x: bad']), [
    'Accepted False Invalid',
    'Ready True Learning'
  ])
  const rule = withRuleConditions(testRule('r', { mode: 'learn' }), [], states, now)
  t.match(
    rule.status?.conditions?.find(({ type }) => type === 'Ready')?.message,
    /RuntimeDefault, or the mode that was set for their own profile/
  )
  t.equal(
    withRuleConditions(rule, [], states, 'later'),
    rule,
    'nothing changes: nothing is written'
  )
  t.notOk('observedGeneration' in (rule.status ?? {}), 'a folder has no generations')
  const edited = { ...rule, metadata: { ...rule.metadata, generation: 4 } }
  t.equal(withRuleConditions(edited, [], states, now).status?.observedGeneration, 4)
  t.end()
})

test('a rule says that it has selected no pod yet, until it has; a change asks again', (t) => {
  const none = new Map()
  const of = (rule: SeccompRule, isSelecting: boolean) =>
    withRuleConditions(rule, [], none, '2026-12-04T10:00:00Z', {
      ...{ unpatched: [], overruledBy: [], isSelecting }
    })
  const stateOf = ({ status }: SeccompRule) => {
    const found = status?.conditions?.find(({ type }) => type === 'PodsSelected')
    return `${found?.status} ${found?.reason} ${found?.observedGeneration}`
  }
  const first = testRule('r', { mode: 'learn' })
  const written = { ...first, metadata: { ...first.metadata, generation: 1 } }
  const waiting = of(written, false)
  t.equal(stateOf(waiting), 'False NoPods 1')
  const found = of(waiting, true)
  t.equal(stateOf(found), 'True Selected 1')
  t.equal(of(found, false), found, 'the pods of a job come and go: nothing is written')
  const changed = { ...found, metadata: { ...found.metadata, generation: 2 } }
  t.equal(stateOf(of(changed, false)), 'False NoPods 2', 'another selector may select nothing')
  t.end()
})
