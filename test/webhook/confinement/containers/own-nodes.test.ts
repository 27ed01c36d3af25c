import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { ContainerView } from '../../../../webhook/confinement/containers/container-views.js'
import { wouldDeny, withAudit } from '../../../../webhook/confinement/ladder/audit-conditions.js'
import { withDrift } from '../../../../webhook/confinement/drift-watch.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('only the replica of a node ends a condition about the node', (t) => {
  const now = '2026-01-01T00:00:00.000Z'
  const bare: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name: 'web' },
    spec: {}
  }
  const statusOf = (profile: SeccompProfile) => profile.status?.conditions?.map((one) => one.status)
  const theirs = (node: string): boolean => node === 'n1'
  const ours = (): boolean => false
  const view = (node: string, ...drift: string[]) =>
    ({ node, drift: drift.map((message) => ({ kind: 'FileChanged', message })) }) as ContainerView

  const drifted = withDrift(bare, [view('n1', 'the file: changed'), view('n2')], now, ours)
  t.same(statusOf(drifted), ['True'])
  t.equal(
    withDrift(drifted, [view('n2')], now, theirs),
    drifted,
    'n1 is connected to another replica'
  )
  t.same(
    statusOf(withDrift(drifted, [view('n2')], now, ours)),
    ['False'],
    'n1 is connected to this replica now'
  )
  const both = withDrift(drifted, [view('n2', 'another')], now, theirs)
  matchLists(
    t,
    both.status?.conditions,
    [{ status: 'True', message: /n2: another$/ }],
    'a node of our own replaces it'
  )

  const call = { node: 'n1', newest: 'getsid (logged) by app in app on n1' }
  t.equal(withAudit(bare, undefined, now, ours), bare, 'no condition')
  const denied = withAudit(bare, call, now, ours)
  matchLists(t, denied.status?.conditions, [{ type: 'WouldDeny', message: /: n1: getsid/ }])
  t.ok(wouldDeny(denied))
  t.equal(
    withAudit(denied, { ...call, node: 'n2' }, now, theirs),
    denied,
    'the first finding is enough'
  )
  t.equal(withAudit(denied, undefined, now, theirs), denied, 'n1 is not ours')
  const quiet = withAudit(denied, undefined, now, ours)
  t.same(statusOf(quiet), ['False'], 'allowed, or muted')
  t.notOk(wouldDeny(quiet))
  t.end()
})
