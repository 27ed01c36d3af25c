import { test } from 'tap'
import { createRig, observationOf } from '../rig.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('a policy approves when its gates are met, and leaves risky names to people', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const ref = { namespace: 'default', name: 'web' }
  const hub = await rig.hub({ timing: { promoteMs: 50 } })
  const uplink = await rig.uplink(hub.address.port, 'node-a')
  const offer = (n: number, names: string[]) =>
    uplink.offer(observationOf(`node-a/b/${n}`, names, { ended: true }))
  offer(1, ['read', 'ptrace'])
  await uplink.flush()
  const promote = (afterQuiet: string) =>
    rig.store.update('SeccompProfile', ref, (profile) => ({
      ...profile,
      spec: { ...profile.spec, promote: { afterInstances: 2, afterQuiet } }
    }))
  await promote('1h')
  await hub.flush()
  const stored = () => rig.store.get('SeccompProfile', ref)
  t.equal((await stored())?.spec.seccomp, undefined, 'one instance is not enough')
  offer(2, ['read', 'write', 'mount'])
  await uplink.flush()
  await hub.flush()
  t.equal((await stored())?.spec.seccomp, undefined, 'nor is a set that grew just now')
  await promote('1s')
  // Time alone makes it ready: no event comes, only the hub's own look at the clock.
  t.match(await rig.log.seen(/approved by policy/), { profile: 'web', by: 'policy' })
  await hub.flush()
  const after = await stored()
  t.same(after?.spec.seccomp?.syscalls, [{ names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' }])
  matchLists(t, after?.status?.approvals, [
    {
      by: 'policy',
      revision: /^sha256:/,
      reason: /2 instances from the first instruction.*left to a person: mount, ptrace/
    }
  ])
  t.equal(hub.profiles().get('default/web')?.approved, true, 'and it is rendered')
  await hub.flush()
  t.equal((await stored())?.status?.approvals?.length, 1, 'once')
})
