import type { LadderState, ProfileState, RevisionState } from '../../../src/rules/profile-state.js'
import { policyPath } from '../../../webhook/cluster/policy-parameters.js'
import { test } from 'tap'
import { testProfile, testRevision } from '../../helpers/rules.js'

test('what an exported policy may put on pods', (t) => {
  const [newest, audit, before] = ['a', 'b', 'c'].map((digit) =>
    testRevision('shop', 'web', digit)
  ) as [RevisionState, RevisionState, RevisionState]
  const lacking = { ...newest, ready: false }
  const table: [what: string, change: Partial<ProfileState>, path: string][] = [
    ['ready', { enforce: newest, previous: before }, newest.path],
    ['not ready', { enforce: lacking, previous: before }, before.path],
    ['neither', { enforce: lacking, previous: { ...before, ready: false } }, ''],
    ['not approved', { approved: false }, ''],
    ['put back to learn', { ladder: { mode: 'learn' } }, ''],
    ['put back to audit', { audit, ladder: { mode: 'audit' } }, audit.path],
    [
      'audit that is not ready: the one before would deny',
      { audit: { ...audit, ready: false }, previous: before, ladder: { mode: 'audit' } },
      ''
    ],
    ['a label while a start can fail', { enforce: newest, audit, labelMode: 'audit' }, audit.path],
    ['pinned', { ladder: { mode: 'enforce', revision: before } }, before.path],
    [
      'a canary: a policy knows no shares',
      {
        enforce: newest,
        ladder: {
          mode: 'enforce',
          canary: { percent: 25, from: { mode: 'enforce', revision: before } }
        }
      },
      before.path
    ]
  ]
  for (const [what, change, path] of table) {
    t.equal(policyPath(testProfile('shop', 'web', change)), path, what)
  }
  t.equal(policyPath(undefined), '', 'gone')
  const both = testProfile('shop', 'web', { enforce: lacking, previous: before, audit })
  for (const [what, wish, path] of [
    ['a rule that wants the one before', { whenNotReady: 'Previous' }, before.path],
    ['a rule that wants RuntimeDefault', { whenNotReady: 'RuntimeDefault' }, ''],
    ['a rule that audits', { mode: 'audit' }, audit.path],
    ['a rule that learns', { mode: 'learn' }, '']
  ] as const) {
    t.equal(policyPath(both, wish), path, what)
  }
  const early = testProfile('shop', 'web', { enforce: newest, audit, labelMode: 'audit' })
  t.equal(policyPath(early, { rule: 'shop/web' }), newest.path, 'a rule enforces it nevertheless')
  const moved = testProfile('shop', 'web', { enforce: newest, audit, ladder: { mode: 'enforce' } })
  t.equal(policyPath(moved, { mode: 'audit' }), newest.path, 'a ladder decides the mode')
  t.end()
})

test('an exported rule of the root namespace is loosened by no ladder', (t) => {
  const table: [rule: string, namespace: string, ladder: LadderState, isLoosened: boolean][] = [
    ['secco-system/web', 'shop', { mode: 'learn' }, false],
    ['secco-system/web', 'shop', { mode: 'audit' }, false],
    [
      ...(['secco-system/web', 'shop'] as const),
      { mode: 'enforce', canary: { percent: 1, from: { mode: 'learn' } } },
      false
    ],
    ['secco-system/web', 'secco-system', { mode: 'learn' }, true],
    ['shop/web', 'shop', { mode: 'learn' }, true]
  ]
  for (const [rule, namespace, ladder, isLoosened] of table) {
    const profile = testProfile(namespace, 'web', { ladder })
    const path = policyPath(profile, { rule, mode: 'enforce' })
    const what = `${rule} on ${namespace}/web: ${JSON.stringify(ladder)}`
    t.equal(path, isLoosened ? '' : profile.enforce?.path, what)
  }
  t.end()
})
