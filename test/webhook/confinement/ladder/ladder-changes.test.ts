import { type Test, test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { isMuted } from '../../../../src/confinement/ladder.js'
import { openDirectoryStore } from '../../../../src/store/directory.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import { LadderChanges } from '../../../../webhook/confinement/ladder/ladder-changes.js'
import type { Denial } from '../../../../webhook/hub/denials/denial.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'

const ref = { namespace: 'shop', name: 'web' }
const at = '2026-01-01T00:00:00.000Z'
const profile: SeccompProfile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: ref },
  spec: {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }]
    }
  }
}

function denialOf(comm: string): Denial {
  return {
    ...{ node: 'n1', instance: 'n1/1', container: 'c', containerName: 'app', namespace: 'shop' },
    ...{ profile: 'web', workload: 'Pod/app', pod: 'app', revision: '', syscall: 'keyctl' },
    ...{ abi: 'x86_64', action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', comm, pid: 7 },
    ...{ arguments: '', expected: false, succeeded: 0, count: 1, lastSeen: at, at }
  }
}

const overlay: SeccompProfile = {
  ...profile,
  metadata: { namespace: 'secco-system', name: 'emergency' },
  spec: {
    seccomp: {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        { names: ['getppid'], action: 'SCMP_ACT_ERRNO' },
        {
          names: ['personality'],
          action: 'SCMP_ACT_ERRNO',
          args: [{ index: 0, value: 8, op: 'SCMP_CMP_EQ' }]
        }
      ]
    }
  }
}

async function rig(t: Test, ...comms: string[]) {
  const store = await openDirectoryStore(t.testdir({}))
  t.teardown(() => store.close())
  await store.apply('SeccompProfile', profile)
  const denialRows = new DenialRows()
  for (const comm of comms) denialRows.grow(denialOf(comm), 1, at)
  const confinement = {
    sources: {
      hub: { denialRows, profiles: () => new Map(), onChange: () => () => undefined },
      now: () => Date.parse(at)
    },
    views: { list: () => [] },
    profile: (key: string) => ({ 'shop/web': profile, 'secco-system/emergency': overlay })[key]
  } as unknown as Confinement
  const changes = new LadderChanges(confinement)
  const send = (what: 'allow' | 'mute', body: object): Promise<unknown> =>
    changes[what]({
      ...{ query: {}, actor: 'ann', store, sees: () => true },
      body: { profile: 'shop/web', ...body }
    })
  const now = async () => (await store.get('SeccompProfile', ref)) ?? profile
  return { send, now }
}

test('a mute is for the processes that were denied the syscall', async (t) => {
  const body = { syscall: 'keyctl', reason: 'nobody needs keys' }
  // [what, who was denied it, the body, who is muted then]
  const table: [string, string[], object, string[]][] = [
    ['named', ['agent', 'app'], { ...body, comm: 'agent' }, ['agent']],
    ['those that were denied', ['agent', 'app', 'agent'], body, ['agent', 'app']],
    ['nobody yet: all', [], body, ['agent', 'app', 'later']]
  ]
  for (const [what, comms, given, expected] of table) {
    const { send, now } = await rig(t, ...comms)
    await send('mute', given)
    const muted = await now()
    const isQuiet = (comm: string) => isMuted(muted, { syscall: 'keyctl', comm })
    t.same(['agent', 'app', 'later'].filter(isQuiet), expected, what)
    await send('mute', { ...given, remove: true })
    t.equal((await now()).spec.mute, undefined, `${what}: opened again`)
  }
})

test('several syscalls are shown as one difference', async (t) => {
  const { send, now } = await rig(t)
  const before = await now()
  const asked = await send('allow', {
    syscalls: ['getsid', 'keyctl', 'read', 'getsid'],
    syscall: 'socket:0=38'
  })
  t.match(asked, {
    applied: false,
    diff: { added: ['getsid', 'keyctl', 'socket'], beyondRuntimeDefault: ['socket', 'keyctl'] }
  })
  t.same(await now(), before, 'nothing was changed')
  for (const [what, body] of [
    ['none', {}],
    ['an empty list', { syscalls: [] }],
    ['two in one word', { syscalls: ['getsid keyctl'] }],
    ['one that does not exist', { syscalls: ['getsid', 'getsidd'] }]
  ] as const) {
    await t.rejects(send('allow', body), { code: 'INVALID_ARGUMENT' }, what)
  }
})

test('what an emergency blocks cannot be allowed in one profile', async (t) => {
  const { send, now } = await rig(t)
  const before = await now()
  await t.rejects(send('allow', { syscalls: ['getsid', 'getppid'], yes: true }), {
    code: 'CONFLICT',
    message:
      /^getppid: is blocked in an emergency, and allowing it in shop\/web would change nothing$/,
    hint: /secco block getppid --remove --reason WHY$/
  })
  t.same(await now(), before)
  await send('allow', { syscall: 'personality', yes: true })
  t.match(
    JSON.stringify((await now()).spec.seccomp),
    /personality/,
    'only some arguments of it are'
  )
})
