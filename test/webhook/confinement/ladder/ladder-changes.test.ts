import { type Test, test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { isMuted } from '../../../../src/confinement/ladder.js'
import { openDirectoryStore } from '../../../../src/store/directory.js'
import { buildSnapshot } from '../../../../src/rules/snapshot.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import { LadderChanges } from '../../../../webhook/confinement/ladder/ladder-changes.js'
import type { Denial } from '../../../../webhook/hub/denials/denial.js'
import { instance } from '../../../helpers/instances.js'
import { noProfiles } from '../../../helpers/no-profiles.js'
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
  return rigIn(t, false, ...comms)
}

async function rigIn(t: Test, inCluster: boolean, ...comms: string[]) {
  return rigOf(t, inCluster, comms.map(denialOf))
}

/** @param deleted the denials are of a profile that was deleted since */
async function rigOf(t: Test, inCluster: boolean, denials: readonly Denial[], deleted = false) {
  const store = await openDirectoryStore(t.testdir({}))
  t.teardown(() => store.close())
  await store.apply('SeccompProfile', profile)
  const denialRows = new DenialRows()
  for (const one of denials) denialRows.grow(one, 1, at)
  if (deleted) denialRows.profileDeleted('shop', 'web', at)
  // Whoever asks again after a change finds the next revision: nobody waits for a hub.
  let revision = 0
  const rendered = () => new Map([['shop/web', { enforce: { digest: `sha256:${revision++}` } }]])
  const confinement = {
    sources: {
      hub: { ...noProfiles.hub, profiles: rendered, denialRows, onChange: () => () => undefined },
      ...{ store, isElsewhere: () => true },
      now: () => Date.parse(at),
      ...{ inCluster, snapshot: () => buildSnapshot({}) }
    },
    revisions: noProfiles.revisions,
    views: { list: () => [], reachedBy: () => [], peekContainer: () => undefined },
    restarts: { of: () => 0 },
    profile: (key: string) => ({ 'shop/web': profile, 'secco-system/emergency': overlay })[key]
  } as unknown as Confinement
  const changes = new LadderChanges(confinement)
  const send = (what: 'allow' | 'mute' | 'promote' | 'rollback', body: object): Promise<unknown> =>
    changes[what]({
      ...{ query: {}, actor: 'ann', store, sees: () => true },
      body: { profile: 'shop/web', ...body }
    })
  const now = async () => (await store.get('SeccompProfile', ref)) ?? profile
  return { send, now, store }
}

test('a mute is for the processes that were denied the syscall', async (t) => {
  const body = { syscall: 'keyctl', reason: 'nobody needs keys' }
  // [what, who was denied it, the body, who is muted then]
  const table: [string, string[], object, string[]][] = [
    ['named', ['agent', 'app'], { ...body, comm: 'agent' }, ['agent']],
    ['those that were denied', ['agent', 'app', 'agent'], body, ['agent', 'app']],
    ['nobody yet: all', [], body, ['agent', 'app', 'later']],
    ['one of them is not known: all', ['agent', ''], body, ['agent', 'app', 'later']]
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

test('a mute of a name that no table has is rejected', async (t) => {
  const { send, now } = await rig(t)
  const body = { syscall: 'nosuch', reason: 'why' }
  await t.rejects(send('mute', body), { code: 'INVALID_ARGUMENT', message: /^nosuch: is in no/ })
  t.equal((await now()).spec.mute, undefined)
})

test('a mute in a profile is rejected where only a deleted profile of its name denied the call', async (t) => {
  const denial = { ...denialOf('app'), revision: `sha256:${'d'.repeat(64)}` }
  const body = { syscall: 'keyctl', reason: 'nobody needs keys' }
  // [what, the call of the mute, is it rejected]
  const table: [string, object, boolean][] = [
    ['the call', body, true],
    ['the call of the process', { ...body, comm: 'app' }, true],
    ['another process', { ...body, comm: 'other' }, false],
    ['another call', { ...body, syscall: 'mount' }, false],
    ['opened again', { ...body, remove: true }, false]
  ]
  for (const [what, given, isRejected] of table) {
    const { send, now } = await rigOf(t, false, [denial], true)
    if (!isRejected) {
      await send('mute', given)
      continue
    }
    const rejection = { code: 'CONFLICT', hint: /its profile shop\/web was deleted/ }
    await t.rejects(send('mute', given), rejection, what)
    t.equal((await now()).spec.mute, undefined, `${what}: nothing is written`)
  }
  const { send } = await rigOf(t, false, [denial])
  t.match(await send('mute', body), { muted: [{ syscall: 'keyctl' }] }, 'its own denial')
})

test('a step is of the profile that is stored, also where this process has read an older one', async (t) => {
  const { send, store } = await rig(t)
  await store.update('SeccompProfile', ref, (stored) => ({ ...stored, spec: {} }))
  const rejection = { message: /nothing is approved yet/ }
  await t.rejects(send('promote', { mode: 'audit', reason: 'why' }), rejection)
  await t.rejects(send('allow', { syscalls: ['getsid'], reason: 'why' }), {
    code: 'APPROVAL_INVALID'
  })
  await store.apply('SeccompProfile', profile)
  t.match(await send('promote', { mode: 'audit', reason: 'why' }), { changed: true })
  await store.delete('SeccompProfile', ref)
  const gone = { code: 'NOT_FOUND' }
  await t.rejects(send('rollback', { reason: 'why' }), gone)
  await t.rejects(send('mute', { syscall: 'keyctl', reason: 'why' }), gone)
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

test('the same change for kubectl is there in a cluster, and nowhere else', async (t) => {
  for (const inCluster of [true, false]) {
    const { send } = await rigIn(t, inCluster)
    const { patch } = (await send('allow', { syscall: 'getsid' })) as { patch?: string }
    if (inCluster) t.match(patch, /^kubectl patch seccompprofiles.secco.dev web -n shop/)
    else t.equal(patch, undefined)
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

test('a dry run of a promotion needs no reason, and says nothing that was not done', async (t) => {
  const { send, now } = await rig(t)
  const before = await now()
  const tried = (await send('promote', { mode: 'enforce', dryRun: true })) as Record<
    string,
    unknown
  >
  const would = { action: 'promote', from: 'learn', to: 'enforce' }
  t.match(tried, { mode: '', would, changed: false, history: [], assignment: { mode: 'enforce' } })
  t.same(await now(), before, 'nothing was written')
  for (const reason of [undefined, '', '  ']) {
    await t.rejects(
      send('promote', { mode: 'enforce', ...(reason === undefined ? {} : { reason }) }),
      {
        ...{ code: 'INVALID_ARGUMENT', field: 'reason' }
      }
    )
  }
  t.same(await now(), before, 'without a reason nothing is written')
  const done = (await send('promote', { mode: 'enforce', reason: 'ready' })) as Record<
    string,
    unknown
  >
  t.match(done, { mode: 'enforce', changed: true, history: [would] })
  t.equal(done['would'], undefined)
})

/** What was recorded of a start that the revision of the profile denies, or that nobody saw. */
const lateStart = { instances: [instance(0, ['read'], { complete: false })] }
const startOf = (...names: string[]) => ({
  ...{ instances: [instance(0, names)], startup: { x86_64: names } }
})

test('a step to enforce needs force where a start under it can fail, and says what ends that', async (t) => {
  // [what, what was recorded, the words, the next step]
  const table = [
    ['no start', lateStart, /No start was recorded/, /^restart one instance/],
    [
      'a start that is denied',
      ...[startOf('acct'), /recorded starts called acct, and its revision denies it/],
      /^allow what it needs with `secco profile call shop\/web --allow acct --reason WHY`/
    ],
    [
      'a start that a block denies',
      ...[startOf('getppid'), /recorded starts called getppid, which is blocked in an emergency/],
      /^end the block with `secco block getppid --remove --reason WHY`/
    ]
  ] as [string, SeccompProfile['status'], RegExp, RegExp][]
  const previousRevision = `sha256:${'e'.repeat(64)}`
  for (const [what, recorded, message, hint] of table) {
    const object = { ...profile, status: { ...recorded, previousRevision } } as SeccompProfile
    const { send, now, store } = await rig(t)
    await store.update('SeccompProfile', ref, (one) => ({ ...one, status: object.status ?? {} }))
    const rejection = { code: 'INVALID_ARGUMENT', field: 'force', message, hint }
    const promote = { mode: 'enforce', reason: 'x' }
    await t.rejects(send('promote', promote), rejection, what)
    await t.rejects(send('promote', { ...promote, canary: 10 }), rejection, `${what}: a canary`)
    await send('promote', { ...promote, mode: 'audit' })
    t.equal((await now()).spec.ladder?.mode, 'audit', `${what}: audit`)
    await send('promote', { ...promote, force: true })
    t.equal((await now()).spec.ladder?.mode, 'enforce', `${what}: forced`)
  }
})

test('a way back that begins to enforce an earlier revision needs force where no start was recorded', async (t) => {
  const previousRevision = `sha256:${'e'.repeat(64)}`
  const { send, now, store } = await rig(t)
  await store.update('SeccompProfile', ref, (one) => ({
    ...one,
    status: { ...lateStart, previousRevision }
  }))
  await t.rejects(send('rollback', { reason: 'x' }), {
    ...{ code: 'INVALID_ARGUMENT', field: 'force' },
    hint: /nevertheless run `secco rollback shop\/web --force --reason WHY`$/
  })
  t.equal((await now()).spec.ladder, undefined)
  const ladder = { mode: 'enforce', revision: previousRevision }
  const done = await send('rollback', { reason: 'x', force: true })
  t.strictSame((await now()).spec.ladder, ladder)
  t.match(done, ladder, 'its answer names the revision of the profile as it is written')
  const left = await send('promote', { mode: 'enforce', reason: 'x', force: true })
  t.notMatch(left, { revision: previousRevision }, 'and that of leaving the pin does not')
})

test('a way back does not enforce what rules only audit', async (t) => {
  const previousRevision = `sha256:${'e'.repeat(64)}`
  for (const [mode, isRejected] of [
    ['audit', true],
    ['enforce', false]
  ] as const) {
    const { send, now, store } = await rig(t)
    await store.apply('SeccompRule', {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule' },
      metadata: { namespace: 'shop', name: 'r' },
      spec: { mode, profile: { name: 'web' } }
    })
    await store.update('SeccompProfile', ref, (one) => ({ ...one, status: { previousRevision } }))
    const back = () => send('rollback', { reason: 'a trial' })
    if (isRejected) await t.rejects(back(), { code: 'INVALID_ARGUMENT' }, mode)
    else await back()
    const ladder = isRejected ? undefined : { mode: 'enforce', revision: previousRevision }
    t.strictSame((await now()).spec.ladder, ladder, mode)
  }
})
