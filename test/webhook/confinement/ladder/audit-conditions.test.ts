import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { withAudit, withUnproven } from '../../../../webhook/confinement/ladder/audit-conditions.js'

const now = '2026-01-01T00:00:00Z'
const bare: SeccompProfile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  ...{ metadata: { namespace: 'shop', name: 'web' }, spec: {} }
}
const said = ({ status }: SeccompProfile) =>
  (status?.conditions ?? []).map(({ type, status, reason, message }) =>
    [type, status, reason, message].join(' ')
  )

test('what audit shows, and what nobody watches: begun, over, and from a node that is elsewhere', (t) => {
  const denied = withAudit(bare, { node: 'n1', newest: 'getsid (logged) by app' }, now, () => false)
  t.same(said(denied), [
    'WouldDeny True CallsInAudit enforce would deny: n1: getsid (logged) by app'
  ])
  t.equal(
    withAudit(denied, undefined, now, (node) => node === 'n1'),
    denied,
    'n1 may still know'
  )
  t.same(said(withAudit(denied, undefined, now, () => false)), [
    'WouldDeny False AuditQuiet no syscall that enforce would deny'
  ])
  t.equal(
    withAudit(bare, undefined, now, () => false),
    bare,
    'nothing to say'
  )

  const unwatched = withUnproven(bare, { node: 'n1', why: 'records nothing (--record off)' }, now)
  t.same(said(unwatched), [
    'QuietUnproven True NobodyWatches denials are not recorded: n1: records nothing (--record off)'
  ])
  t.same(said(withUnproven(unwatched, undefined, now)), [
    'QuietUnproven False NodesWatch denials are recorded'
  ])
  t.end()
})
