import { revisionPath } from '../../../../src/api/names.js'
import { type Test, test } from 'tap'
import type { LinuxSeccomp, SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { rollbackLadder } from '../../../../src/confinement/ladder.js'
import { boundApproval } from '../../../../src/seccomp/policy/approval.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import type { ProfileState } from '../../../../src/rules/profile-state.js'
import type { Store } from '../../../../src/store/store.js'
import { openRevisionFiles } from '../../../../webhook/hub/revisions/revision-files.js'
import { apiStates } from '../../../../webhook/cluster/replicas/api-states.js'
import { clusterFleet, summarySource } from '../../../../webhook/cluster/replicas/cluster-fleet.js'
import { decodeSummary, encodeSummary } from '../../../../webhook/cluster/replicas/hub-summary.js'
import { clusterNode, nodeState } from '../../cluster/cluster-objects.js'
import { allowing, profileOf } from '../../../helpers/seccomp-profiles.js'
import { until } from '../../../helpers/until.js'
import { testRevisions } from '../../../helpers/test-revisions.js'
import { collectLog } from '../rig.js'

/** Returns revisions of a store that holds one profile, shop/web. */
async function revisionsOf(
  t: Test,
  profile: SeccompProfile,
  rendering: (name: string) => unknown = () => undefined
) {
  let stored = profile
  const store = {
    update: (
      _kind: string,
      ref: { name: string },
      change: (one: SeccompProfile) => SeccompProfile
    ) => {
      if (ref.name === 'web') stored = change(stored)
      return Promise.resolve(stored)
    }
  } as unknown as Store
  const { logger } = collectLog()
  const files = await openRevisionFiles(t.testdir({}), { build: 'test', logger })
  const revisions = testRevisions({
    ...{ store, files, logger, recordEdits: true },
    render: (one, options) => {
      rendering(one.metadata.name)
      return renderProfile(one, options)
    }
  })
  t.teardown(() => revisions.close())
  /** Brings an event, and then what the hub wrote because of it. */
  const apply = async (object: SeccompProfile) => {
    if (object.metadata.name === 'web') stored = object
    revisions.event({ type: 'applied', object })
    await revisions.settle()
    revisions.event({ type: 'applied', object: stored })
    await revisions.settle()
    return stored
  }
  return { revisions, apply }
}

const named = ({ spec }: SeccompProfile): SeccompProfile => ({
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', spec },
  metadata: { namespace: 'shop', name: 'web', uid: 'u', generation: 1 }
})

test('a profile that learns is known at once with the workload that it is learned from', async (t) => {
  const workload = { kind: 'Deployment', name: 'web', container: 'app' }
  const profile = named({ ...allowing([]), spec: { workload } })
  const { revisions } = await revisionsOf(t, profile)
  const state = () => revisions.states().get('shop/web')
  const known = { approved: false, workload: { kind: 'Deployment', name: 'web' }, container: 'app' }
  revisions.event({ type: 'applied', object: named({ ...allowing([]), spec: {} }) })
  const metadata = { ...profile.metadata, generation: 2 }
  revisions.event({ type: 'applied', object: { ...profile, metadata } })
  t.match(state(), known, 'before any pass')
  await revisions.settle()
  t.match(state(), known, 'and after one')
})

test('a status whose event comes before the answer to its write counts as written', async (t) => {
  const { logger } = collectLog()
  const files = await openRevisionFiles(t.testdir({}), { build: 'test', logger })
  let stored = named(allowing(['read']))
  let isEarly = false
  const nodes = { ready: 1, total: 1, waiting: [] as string[], failed: [] }
  const update = (_kind: string, _ref: object, change: (one: SeccompProfile) => SeccompProfile) => {
    stored = change(stored)
    if (isEarly) revisions.event({ type: 'applied', object: stored })
    return Promise.resolve(stored)
  }
  const revisions = testRevisions({
    ...{ store: { update } as unknown as Store, files, logger },
    fleet: () => ({ rendering: {}, readiness: () => ({ ...nodes }) })
  })
  t.teardown(() => revisions.close())
  const ready = () => stored.status?.conditions?.find(({ type }) => type === 'Ready')?.status
  revisions.event({ type: 'applied', object: stored })
  await revisions.settle()
  t.equal(ready(), 'True')
  isEarly = true
  // Back and forth: each time the outcome is the one of the write before last.
  for (const [has, expected] of [
    [0, 'False'],
    [1, 'True'],
    [0, 'False']
  ] as const) {
    Object.assign(nodes, { ready: has, waiting: has === 1 ? [] : ['a'] })
    revisions.nodesChanged()
    await revisions.settle()
    t.equal(ready(), expected)
  }
})

test('the time of an edit without an approval is the same for every node and in the status', async (t) => {
  const profile = named(allowing(['bpf']))
  const { revisions, apply } = await revisionsOf(t, profile)
  revisions.event({ type: 'applied', object: profile })
  const ref = { namespace: 'shop', profile: 'web', digest: `sha256:${'a'.repeat(64)}` }
  const first = revisions.origin(ref)
  const asked = Date.now()
  await until('a later time', () => Date.now() > asked || undefined, { everyMs: 1 })
  t.match(first, { approvedBy: 'unnamed', beyond: ['bpf'] })
  t.same(revisions.origin(ref), first, 'a node that joins later')
  const { status } = await apply(profile)
  t.same(
    status?.approvals?.map(({ at }) => at),
    [first?.approvedAt]
  )
})

test('what was approved before stays in use while a change waits for a person, and a block reaches it', async (t) => {
  const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'mount' }
  const { spec } = allowing(['bpf', 'mount', 'read'])
  const approval = boundApproval(spec, decision)
  const approved = named({ ...allowing([]), spec: { ...spec, approval } })
  const overlay = withBlock(emptyOverlay(), parseBlock('mount'), decision, false)
  // [what somebody wrote under olga's approval, the spec]
  const table: [string, SeccompProfile['spec']][] = [
    ['other content', { ...allowing(['bpf', 'mount', 'read', 'reboot']).spec, approval }],
    ['the content removed', { approval }]
  ]
  for (const [what, changed] of table) {
    const { revisions, apply } = await revisionsOf(t, approved)
    const inUse = (mode: 'enforce' | 'audit') => revisions.states().get('shop/web')?.[mode]?.digest
    const names = async (digest: string | undefined) => {
      const bytes = await revisions.bytes(digest ?? '')
      const { syscalls = [] } = JSON.parse(String(bytes)) as LinuxSeccomp
      return syscalls.filter(({ action }) => action !== 'SCMP_ACT_ERRNO').flatMap((r) => r.names)
    }
    const before = await apply(approved)
    const { revision, auditRevision } = before.status ?? {}
    const waiting = await apply({ ...before, spec: changed })
    t.match(waiting.status?.conditions, [{ type: 'Ready', reason: 'ApprovalInvalid' }], what)
    t.equal(inUse('enforce'), revision, `${what}: enforce`)
    t.equal(inUse('audit'), auditRevision, `${what}: audit`)
    await apply(overlay)
    for (const mode of ['enforce', 'audit'] as const) {
      const left = await names(inUse(mode))
      t.ok(left.includes('read'), `${what}: ${mode} is what it was`)
      t.notOk(left.includes('mount'), `${what}: ${mode} without what is blocked`)
    }
    const digest = inUse('enforce') ?? ''
    t.match(
      revisions.origin({ namespace: 'shop', profile: 'web', digest }),
      { beyond: ['bpf'], approvedBy: 'olga' },
      `${what}: nodes take it, because olga approved it`
    )
    const path = revisionPath('shop', 'web', revision ?? '')
    t.equal(revisions.unblocked().digests.get(path), digest, `${what}: replicas get to know it`)
    const kept = [...revisions.desired().values()].map((one) => one.digest)
    t.ok(kept.includes(revision ?? ''), `${what}: the hub can go back to it`)
    await apply(emptyOverlay())
    t.equal(inUse('enforce'), revision, `${what}: the block is lifted`)
  }
})

test('replicas without a hub give pods the revisions that the hub does, whatever is blocked', async (t) => {
  const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'CVE' }
  const web = named(allowing(['bpf', 'mount', 'read']))
  const { revisions, apply } = await revisionsOf(t, web)
  const first = await apply(web)
  const wide = first.status?.revision ?? ''
  const second = await apply({ ...first, spec: allowing(['bpf', 'mount', 'read', 'write']).spec })
  const ladder = { mode: 'enforce' as const, revision: wide }
  await apply({ ...second, spec: { ...second.spec, ladder } })
  const digestsOf = (state: ProfileState | undefined) =>
    [state?.enforce, state?.audit, state?.previous, state?.ladder?.revision].map(
      (one) => one?.digest
    )
  const blocked = withBlock(emptyOverlay(), parseBlock('mount'), decision, false)
  for (const [what, overlay] of [
    ['nothing', emptyOverlay()],
    ['a call', blocked],
    ['nothing any more', emptyOverlay()]
  ] as const) {
    const stored = await apply(overlay)
    const paths = [...revisions.desired().keys()]
    const bytes = encodeSummary([nodeState('a', paths)], paths, revisions.unblocked())
    const summary = decodeSummary(bytes)
    const fleet = clusterFleet(new Map([['a', clusterNode('a')]]), summarySource(summary))
    const atReplica = apiStates([overlay, stored], fleet, summary?.blocks).get('shop/web')
    const own = revisions.states().get('shop/web')
    t.same(digestsOf(atReplica), digestsOf(own), `${what}: the same revisions`)
    t.equal(atReplica?.ladder?.revision?.ready, true, `${what}: nodes have it`)
    t.equal(own?.ladder?.revision?.digest === wide, overlay !== blocked, `${what}: the pinned one`)
  }
})

test('a rollback after an emergency block serves what people approved, and the nodes keep it', async (t) => {
  const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'CVE' }
  const blocked = withBlock(emptyOverlay(), parseBlock('mount'), decision, false)
  const web = named(allowing(['bpf', 'mount', 'read']))
  const { revisions, apply } = await revisionsOf(t, web)
  const stored = await apply(web)
  const first = stored.status?.revision ?? ''
  const next = await apply({ ...stored, spec: allowing(['bpf', 'mount', 'read', 'listen']).spec })
  const second = next.status?.revision ?? ''
  const during = await apply(blocked)
  t.match(during.status, { approvedRevision: second, previousRevision: first }, 'blocked')
  t.not(during.status?.revision, second, 'blocked: a revision of its own')
  const desired = [...revisions.desired().values()].map(({ digest }) => digest)
  t.ok(
    [first, second].every((one) => desired.includes(one)),
    'nodes keep what is approved'
  )
  const after = await apply(emptyOverlay())
  t.match(after.status, { revision: second, approvedRevision: second, previousRevision: first })
  const back = rollbackLadder(
    { ...after, spec: { ...after.spec, ladder: { mode: 'enforce' } } },
    decision
  )
  t.equal(back.spec.ladder?.revision, first, 'the one that was approved before')
})

test('a block that is lifted during a pass leaves no rendering without it behind', async (t) => {
  const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'CVE' }
  const blocked = withBlock(emptyOverlay(), parseBlock('mount'), decision, false)
  const web = named(allowing(['bpf', 'mount', 'read']))
  const other = profileOf(allowing(['read']).spec, 'a', 'shop')
  let lift = (): void => undefined
  const { revisions, apply } = await revisionsOf(t, web, (name) => name === 'a' && lift())
  await apply(web)
  const wide = revisions.states().get('shop/web')?.enforce?.digest ?? ''
  lift = () => revisions.event({ type: 'applied', object: emptyOverlay() })
  revisions.event({ type: 'applied', object: other })
  await apply(blocked)
  lift = () => undefined
  await apply(blocked)
  t.not(revisions.states().get('shop/web')?.enforce?.digest, wide, 'the same block again')
})

test('a ladder brings in no revision of another profile', async (t) => {
  const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'looked at' }
  const withApproval = (
    { metadata, ...rest }: SeccompProfile,
    name: string,
    namespace = 'shop'
  ) => {
    const { spec } = rest
    const own = { ...metadata, namespace, name, uid: name, generation: 1 }
    return { ...rest, metadata: own, spec: { ...spec, approval: boundApproval(spec, decision) } }
  }
  const base = withApproval(allowing(['bpf', 'futex']), 'base')
  const { seccomp = { defaultAction: 'SCMP_ACT_ERRNO' } } = allowing(['read']).spec
  const child = profileOf({ seccomp, extends: ['base'] })
  const web = withApproval(child, 'web')
  const { revisions, apply } = await revisionsOf(t, web)
  await apply(base)
  const before = await apply(withApproval(allowing(['mount', 'init_module']), 'wide', 'bank'))
  const foreign = revisions.states().get('bank/wide')?.enforce?.digest ?? ''
  const { revision = '' } = before.status ?? {}
  t.ok(foreign !== revision && (await revisions.bytes(foreign)) !== undefined, 'the hub has it')
  const from = { mode: 'enforce' as const, revision: foreign }
  const canary = { percent: 1, from, startedAt: decision.at, quietFor: '1h' }
  const pinned = { ...before, spec: { ...before.spec, ladder: { ...from, canary } } }
  await apply(pinned)
  const check = (what: string) => {
    const { ladder, enforce } = revisions.states().get('shop/web') ?? {}
    t.same([ladder?.revision, ladder?.canary?.from.revision], [undefined, undefined], what)
    t.equal(enforce?.digest, revision, `${what}: pods get the newest`)
    const wanted = [...revisions.desired().values()].filter(({ profile }) => profile === 'web')
    t.notOk(
      wanted.some(({ digest }) => digest === foreign),
      `${what}: no node should have it`
    )
  }
  check('while the profile can be rendered')
  revisions.event({
    ...{ type: 'deleted', kind: 'SeccompProfile' },
    ref: { namespace: 'shop', name: 'base' }
  })
  await revisions.settle()
  check('once it cannot, as a parent is gone')
  const origin = (digest: string) => revisions.origin({ namespace: 'shop', profile: 'web', digest })
  t.match(origin(foreign), { beyond: [], approvedBy: '' }, 'nobody approved what is in it')
  t.match(origin(revision), { beyond: ['bpf'], approvedBy: 'olga' }, 'what is in use is approved')
})

test('a call has the approver of the profile that allows it', async (t) => {
  const at = '2026-01-01T00:00:00Z'
  const approvedBy = (by: string, { metadata, spec }: SeccompProfile): SeccompProfile => ({
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    metadata: { ...metadata, uid: metadata.name, generation: 1 },
    spec: { ...spec, approval: boundApproval(spec, { by, at, reason: 'looked at' }) }
  })
  const of = (
    by: string,
    name: string,
    namespace: string,
    names: string[],
    parents: string[] = []
  ) => {
    const { seccomp = { defaultAction: 'SCMP_ACT_ERRNO' } } = allowing(names).spec
    return approvedBy(by, profileOf({ seccomp, extends: parents }, name, namespace))
  }
  const parent = 'team-b/base'
  // [what, the profile's own calls, its parent's, who approved what RuntimeDefault denies]
  const table: [string, string[], string[], string][] = [
    ['the profile alone', ['bpf'], ['futex'], 'olga'],
    ['the parent alone', ['read'], ['bpf'], 'bob'],
    ['each something', ['mount'], ['bpf'], 'olga, bob'],
    ['both the same', ['bpf'], ['bpf'], 'olga'],
    ['nobody', ['read'], ['futex'], '']
  ]
  for (const [what, own, inherited, expected] of table) {
    const web = of('olga', 'web', 'shop', own, [parent])
    const { revisions, apply } = await revisionsOf(t, web)
    await apply(of('bob', 'base', 'team-b', inherited))
    await apply(web)
    const digest = revisions.states().get('shop/web')?.enforce?.digest ?? ''
    const origin = revisions.origin({ namespace: 'shop', profile: 'web', digest })
    t.equal(origin?.approvedBy, expected, what)
    t.equal(origin?.reason.includes(`${parent}: looked at`), expected.includes('bob'), what)
  }
})

test('a profile extends what was approved with it, and nothing else that gets its name', async (t) => {
  const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'looked at' }
  const made = (profile: SeccompProfile, uid: string): SeccompProfile => {
    const { metadata, spec } = profile
    const approval = boundApproval(spec, decision)
    return {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
      ...{ metadata: { ...metadata, uid, generation: 1 }, spec: { ...spec, approval } }
    }
  }
  // [what, the namespace of the parent, whether the child is bound to the object]
  const table: [what: string, namespace: string, isBound: boolean][] = [
    ['another namespace', 'team-a', true],
    ['the root namespace, which everybody trusts', 'secco-system', false],
    ['its own namespace, whose approvers may change it anyway', 'shop', false]
  ]
  for (const [what, namespace, isBound] of table) {
    const label = `${namespace}/shared`
    const parent = (uid: string, names: string[]) =>
      made(profileOf(allowing(names).spec, 'shared', namespace), uid)
    const { seccomp = { defaultAction: 'SCMP_ACT_ERRNO' } } = allowing(['read']).spec
    const web = made(profileOf({ seccomp, extends: [label] }, 'web', 'shop'), 'web')
    const { revisions, apply } = await revisionsOf(t, web)
    const inUse = () => revisions.states().get('shop/web')?.enforce?.digest
    const before = await apply(await apply(parent('first', ['bpf'])))
    t.same(
      before.status?.parents,
      isBound ? [{ name: label, uid: 'first' }] : undefined,
      `${what}: what the status records`
    )
    const approved = inUse()
    const widened = await apply(parent('first', ['bpf', 'mount']))
    const second = inUse()
    t.not(second, approved, `${what}: the approvers of the parent may change it`)
    revisions.event({
      ...{ type: 'deleted', kind: 'SeccompProfile' },
      ref: { namespace, name: 'shared' }
    })
    await revisions.settle()
    const after = await apply(parent('second', ['bpf', 'mount', 'init_module']))
    t.equal(inUse() === second, isBound, `${what}: another profile of its name`)
    const [ready] = (after.status?.conditions ?? []).filter(({ type }) => type === 'Ready')
    t.equal(ready?.reason === 'ApprovalInvalid', isBound, `${what}: the condition`)
    if (!isBound) continue
    t.match(ready?.message, /team-a\/shared, which was deleted and created again/)
    t.equal(widened.status?.parents?.[0]?.uid, 'first')
    const renewed = { ...after, spec: { ...after.spec, mute: [] } }
    await apply(renewed)
    t.equal(inUse(), second, `${what}: an unrelated change of the profile accepts nothing`)
    const alone = made({ ...after, spec: { seccomp } }, 'web')
    const without = await apply({ ...alone, ...(after.status && { status: after.status }) })
    t.equal(without.status?.parents, undefined, `${what}: removed by the approver`)
    const again = made({ ...without, spec: { seccomp, extends: [label] } }, 'web')
    const agreed = await apply({ ...again, ...(without.status && { status: without.status }) })
    t.same(agreed.status?.parents, [{ name: label, uid: 'second' }], `${what}: and added again`)
    t.not(inUse(), second, `${what}: and added again`)
  }
})
