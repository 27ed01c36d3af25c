import { test } from 'tap'
import { createRig, observationOf } from '../rig.js'
import { createPromotions } from '../../../../webhook/hub/revisions/promotions.js'
import type { DenialRow } from '../../../../webhook/hub/denials/denial-row.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { Store } from '../../../../src/store/store.js'
import { hour, seen, start } from '../../../helpers/instances.js'
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

test('a policy leaves to a person what the hub knows as denied or logged', async (t) => {
  const sets = Array.from({ length: 6 }, () => ['getpgid', 'read'])
  const policy = { promote: { afterInstances: 5, afterQuiet: '1h' } }
  const given = seen(sets, policy)
  const only = seen(
    sets.map(() => ['getpgid']),
    policy
  )
  const { namespace = '', name } = given.metadata
  const row = {
    ...{ namespace, profile: name, syscall: 'getpgid', action: 'SCMP_ACT_LOG', comm: 'sh' },
    ...{ count: 1, expected: false }
  } as DenialRow
  // [what, the profile, what the hub knows, what is approved]
  const table: [string, SeccompProfile, DenialRow[], string[] | undefined][] = [
    ['nothing', given, [], ['getpgid', 'read']],
    ['logged', given, [row], ['read']],
    ['denied', given, [{ ...row, action: 'SCMP_ACT_ERRNO' }], ['read']],
    ['nothing else is new', only, [row], undefined],
    ['of another profile', given, [{ ...row, profile: 'other' }], ['getpgid', 'read']],
    ['of a deleted profile', given, [{ ...row, deleted: '' }], ['getpgid', 'read']],
    ['on purpose', given, [{ ...row, expected: true }], ['getpgid', 'read']]
  ]
  for (const [what, profile, rows, expected] of table) {
    let stored = profile
    const store = {
      update: (_kind: string, _ref: object, change: (one: SeccompProfile) => SeccompProfile) => {
        stored = change(stored)
        return Promise.resolve(stored)
      }
    } as unknown as Store
    const log: string[] = []
    const logger = { info: (_facts: object, text: string) => log.push(text), error: log.push }
    const promotions = createPromotions({
      ...{ store, logger: logger as never, everyMs: hour, now: () => start + 2 * hour },
      records: { denialRows: { list: () => rows } }
    })
    promotions.event({ type: 'applied', object: profile } as never)
    await promotions.check()
    await promotions.close()
    t.same(
      stored.spec.seccomp?.syscalls?.flatMap(({ names }) => names),
      expected,
      what
    )
    t.same(log, expected === undefined ? [] : ['approved by policy'], what)
  }
})
