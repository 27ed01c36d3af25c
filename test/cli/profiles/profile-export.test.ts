import { test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { exportProfile } from '../../../cli/profiles/profile-export.js'
import type { Store } from '../../../src/store/store.js'
import { captureIo } from '../../helpers/captured-io.js'
import { instance, profileOf } from '../../helpers/instances.js'

test('an export warns of a start that can fail, and only where it is enforced', async (t) => {
  const spec = {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO' as const,
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' as const }]
    }
  }
  const late = instance(0, ['read'], { complete: false, events: [] })
  const unseen = profileOf(spec, { instances: [late] })
  const seen = profileOf(spec, { instances: [instance(0, ['read'])] })
  const denied = { ...seen, status: { ...seen.status, startup: { x86_64: ['acct', 'read'] } } }
  // [what, the profile, the mode, what is said]
  const table: [string, SeccompProfile, 'audit' | 'enforce', RegExp][] = [
    ['no start was recorded', unseen, 'enforce', /^warning: No start .*was recorded/],
    ['a call of the start is denied', denied, 'enforce', /^warning: recorded starts called acct/],
    ['in audit nothing is denied', denied, 'audit', /^$/],
    ['a start was recorded, and nothing of it is denied', seen, 'enforce', /^$/]
  ]
  for (const [what, profile, mode, said] of table) {
    const { io, printed } = captureIo()
    const store = {
      get: (_kind: string, { name }: { name: string }) =>
        Promise.resolve(name === profile.metadata.name ? profile : undefined),
      list: () => Promise.resolve([])
    } as unknown as Store
    const { namespace = '', name } = profile.metadata
    const args = { format: 'oci', mode, revisions: t.testdir({}) } as const
    t.equal(await exportProfile(io, store, { namespace, name }, args), 0, what)
    t.match(printed.stderr, said, what)
    if (printed.stderr !== '')
      t.match(
        printed.stderr,
        `next: let one start in audit first: secco profile export ${namespace}/${name} --mode audit`,
        what
      )
    t.match(JSON.parse(printed.stdout), { syscalls: [{}] }, `${what}: it is printed all the same`)
  }
})
