import { type Test, test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { profileKey } from '../../../../src/rules/profile-state.js'
import { boundApproval } from '../../../../src/seccomp/policy/approval.js'
import type { ObjectRef, Store } from '../../../../src/store/store.js'
import { openRevisionFiles } from '../../../../webhook/hub/revisions/revision-files.js'
import { allowing, profileOf } from '../../../helpers/seccomp-profiles.js'
import { testRevisions } from '../../../helpers/test-revisions.js'
import { collectLog } from '../rig.js'

const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'looked at' }

function made({ metadata, spec }: SeccompProfile, uid = metadata.name): SeccompProfile {
  return {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    metadata: { ...metadata, uid, generation: 1 },
    spec: { ...spec, approval: boundApproval(spec, decision) }
  }
}

/** Returns revisions over a store that keeps every profile with what the hub writes to it. */
async function clusterOf(t: Test) {
  const stored = new Map<string, SeccompProfile>()
  const changed = new Set<string>()
  const store = {
    update: (_: string, ref: ObjectRef, change: (one: SeccompProfile) => SeccompProfile) => {
      const key = profileKey(ref.namespace, ref.name)
      const before = stored.get(key)
      if (before === undefined) return Promise.reject(new Error(`${key} is gone`))
      const after = change(before)
      if (after !== before) changed.add(key)
      stored.set(key, after)
      return Promise.resolve(after)
    }
  } as unknown as Store
  const { logger } = collectLog()
  const files = await openRevisionFiles(t.testdir({}), { build: 'test', logger })
  const revisions = testRevisions({ store, files, logger, recordEdits: true })
  t.teardown(() => revisions.close())
  const settle = async () => {
    await revisions.settle()
    const keys = [...changed]
    changed.clear()
    for (const key of keys) {
      const object = stored.get(key)
      if (object !== undefined) revisions.event({ type: 'applied', object })
    }
    if (keys.length > 0) await settle()
  }
  const get = (key: string) => stored.get(key)
  return {
    revisions,
    get,
    async apply(profile: SeccompProfile) {
      const key = profileKey(profile.metadata.namespace ?? '', profile.metadata.name)
      const status = stored.get(key)?.status
      const object = status === undefined ? profile : { ...profile, status }
      stored.set(key, object)
      revisions.event({ type: 'applied', object })
      await settle()
    },
    async remove(namespace: string, name: string) {
      stored.delete(profileKey(namespace, name))
      revisions.event({ type: 'deleted', kind: 'SeccompProfile', ref: { namespace, name } })
      await settle()
    }
  }
}

test('a profile further up that gets the name of a deleted one reaches nobody', async (t) => {
  const base = (uid: string, names: string[]) =>
    made(profileOf(allowing(names).spec, 'base', 'team-c'), uid)
  const extending = (spec: SeccompProfile['spec'], parents: string[]) => ({
    ...spec,
    extends: parents
  })
  const own = allowing(['getpid']).spec
  /** What the one in the middle has, and whether it could be rendered before the base was replaced. */
  const table: [what: string, spec: SeccompProfile['spec'], parents: string[]][] = [
    ['it allows nothing itself', {}, ['team-c/base']],
    ['it allows something itself', own, ['team-c/base']],
    ['it allows nothing itself, and names the base twice', {}, ['team-c/base', 'team-c/base']]
  ]
  for (const [what, spec, parents] of table) {
    const cluster = await clusterOf(t)
    const middle = made(profileOf(extending(spec, parents), 'mid', 'team-b'))
    const app = made(profileOf(extending(own, ['team-b/mid']), 'app', 'team-a'))
    await cluster.apply(base('first', ['bpf']))
    await cluster.apply(middle)
    await cluster.apply(app)
    const inUse = () => cluster.revisions.states().get('team-a/app')?.enforce?.digest
    const ready = () =>
      cluster.get('team-a/app')?.status?.conditions?.find(({ type }) => type === 'Ready')
    const approved = inUse()
    t.ok(approved, `${what}: rendered`)
    t.same(
      cluster.get('team-b/mid')?.status?.parents,
      [{ name: 'team-c/base', uid: 'first' }],
      `${what}: the one in the middle is bound`
    )
    await cluster.remove('team-c', 'base')
    await cluster.apply(base('second', ['bpf', 'mount']))
    t.equal(inUse(), approved, `${what}: what was approved stays in use`)
    t.equal(ready()?.reason, 'ApprovalInvalid', `${what}: the condition`)
    t.match(ready()?.message, /team-b\/mid extends team-c\/base, which was deleted/, what)

    await cluster.apply(made(profileOf(spec, 'mid', 'team-b')))
    await cluster.apply(middle)
    t.not(inUse(), approved, `${what}: its approver removed it and added it again`)
    t.not(ready()?.reason, 'ApprovalInvalid', what)
  }
})

test('a profile is bound before it can be rendered for the first time', async (t) => {
  const cluster = await clusterOf(t)
  const base = (uid: string, names: string[]) =>
    made(profileOf(allowing(names).spec, 'base', 'team-c'), uid)
  await cluster.apply(base('first', ['bpf']))
  const parents = ['team-c/base', 'team-d/other']
  const spec = { ...allowing(['getpid']).spec, extends: parents }
  await cluster.apply(made(profileOf(spec, 'app', 'team-a')))
  const status = () => cluster.get('team-a/app')?.status
  t.match(status()?.conditions, [{ type: 'Ready', reason: 'RenderFailed' }], 'one is not there')
  t.same(status()?.parents, [{ name: 'team-c/base', uid: 'first' }])
  await cluster.remove('team-c', 'base')
  await cluster.apply(base('second', ['bpf', 'mount']))
  await cluster.apply(made(profileOf(allowing(['read']).spec, 'other', 'team-d')))
  t.match(status()?.conditions, [{ type: 'Ready', reason: 'ApprovalInvalid' }])
  t.same(status()?.parents?.[0], { name: 'team-c/base', uid: 'first' }, 'it stays bound')
})
