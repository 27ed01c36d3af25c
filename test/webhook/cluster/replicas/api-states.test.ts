import { revisionPath } from '../../../../src/api/names.js'
import { test } from 'tap'
import type { Ladder } from '../../../../src/api/ladder.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { digestOf } from '../../../../src/lib/digest.js'
import type { ProfileState } from '../../../../src/rules/profile-state.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { blockDigest } from '../../../../src/seccomp/render/emergency.js'
import { apiStates } from '../../../../webhook/cluster/replicas/api-states.js'
import { clusterFleet, summarySource } from '../../../../webhook/cluster/replicas/cluster-fleet.js'
import { decodeSummary, encodeSummary } from '../../../../webhook/cluster/replicas/hub-summary.js'
import { nothingBlocked, type Unblocked } from '../../../../webhook/hub/revisions/unblocked.js'
import { clusterNode, nodeState } from '../cluster-objects.js'

const who = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'CVE' }
const blocking = (what: string, overlay = emptyOverlay()) =>
  withBlock(overlay, parseBlock(what), who, false)
const mount = blocking('mount')
const both = blocking('bpf', mount)

const [newest, wide, clean, less] = ['newest', 'wide', 'clean', 'less'].map((word) =>
  digestOf(word)
) as [string, string, string, string]
const pathTo = (digest: string) => revisionPath('shop', 'web', digest)
const everywhere = [newest, wide, clean, less].map(pathTo)

/** `wide` allows what is blocked, and `less` is the same without it. */
const known = (overlay: SeccompProfile): Unblocked => ({
  block: blockDigest(overlay),
  digests: new Map([
    [pathTo(newest), newest],
    [pathTo(wide), less],
    [pathTo(clean), clean]
  ])
})
const unmade = (overlay: SeccompProfile): Unblocked => ({
  ...known(overlay),
  digests: new Map([[pathTo(newest), newest]])
})

const pinned: Ladder = { mode: 'enforce', revision: wide }
const canary: Ladder = {
  ...{ mode: 'enforce' },
  canary: {
    ...{ percent: 1, startedAt: who.at, quietFor: '1h' },
    from: { mode: 'enforce', revision: wide }
  }
}

interface Replica {
  status: SeccompProfile['status']
  ladder?: Ladder
  /** The overlay as the replica sees it. */
  overlay: SeccompProfile
  /** What the active hub published. */
  unblocked: Unblocked
  wanted?: string[]
}

/** Returns the state of shop/web at a replica without a hub; both nodes have every file. */
function stateAt({ status, ladder, overlay, unblocked, wanted = everywhere }: Replica) {
  const nodes = ['a', 'b'].map((name) => nodeState(name, everywhere))
  const summary = decodeSummary(encodeSummary(nodes, wanted, unblocked))
  const cluster = new Map(['a', 'b'].map((name) => [name, clusterNode(name)]))
  const profile: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    metadata: { namespace: 'shop', name: 'web' },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' }, ...(ladder && { ladder }) },
    ...(status && { status })
  }
  const fleet = clusterFleet(cluster, summarySource(summary))
  return apiStates([overlay, profile], fleet, summary?.blocks).get('shop/web')
}

type Named = Omit<Replica, 'overlay' | 'unblocked'>
type Of = (state: ProfileState | undefined) => ProfileState['enforce']
const places: [place: string, of: Of, replica: Named][] = [
  [
    'whenNotReady: Previous',
    (state) => state?.previous,
    { status: { revision: newest, previousRevision: wide } }
  ],
  [
    'a pinned revision',
    (state) => state?.ladder?.revision,
    { status: { revision: newest, earlierRevisions: [wide] }, ladder: pinned }
  ],
  [
    'what a canary replaces',
    (state) => state?.ladder?.canary?.from.revision,
    { status: { revision: newest, earlierRevisions: [wide] }, ladder: canary }
  ]
]

test('a block reaches revisions of before at replicas without a hub', (t) => {
  // [what the hub knows, the overlay, what the hub published, the digest that pods get, whether they get it]
  const table: [string, SeccompProfile, Unblocked, string, boolean][] = [
    ['nothing is blocked', emptyOverlay(), nothingBlocked, wide, true],
    ['a block', mount, known(mount), less, true],
    ['a block that the hub has not rendered', mount, nothingBlocked, wide, false],
    ['a second block that it has not rendered', both, known(mount), wide, false],
    ['a block of which no revision could be made', mount, unmade(mount), wide, false],
    ['a block that is lifted', emptyOverlay(), known(mount), wide, true]
  ]
  for (const [place, of, replica] of places) {
    for (const [what, overlay, unblocked, digest, isReady] of table) {
      const revision = of(stateAt({ ...replica, overlay, unblocked }))
      t.same([revision?.digest, revision?.ready], [digest, isReady], `${place}: ${what}`)
      t.equal(revision?.path, pathTo(digest), `${place}: ${what}: its file`)
      t.same(revision?.lacking, isReady ? [] : ['a', 'b'], `${place}: ${what}: no other pod`)
    }
  }
  t.end()
})

test('a revision that the hub never judged is closed while something is blocked', (t) => {
  for (const [place, of, replica] of places) {
    const wanted = everywhere.filter((path) => path !== pathTo(wide))
    const digests = new Map([[pathTo(newest), newest]])
    const unblocked = { block: blockDigest(mount), digests }
    const revision = of(stateAt({ ...replica, overlay: mount, unblocked, wanted }))
    t.equal(revision?.ready, false, `${place}: named after the hub published`)
  }
  t.end()
})

test('a profile that cannot be rendered keeps what was approved, without what is blocked', (t) => {
  const status = { revision: wide, auditRevision: clean }
  const table: [string, SeccompProfile, Unblocked, string, boolean][] = [
    ['nothing is blocked', emptyOverlay(), nothingBlocked, wide, true],
    ['a block', mount, known(mount), less, true],
    ['a block that the hub has not rendered', mount, nothingBlocked, wide, true],
    ['a second block takes the first one back nowhere', both, known(mount), less, true],
    ['a block of which no revision could be made', mount, unmade(mount), wide, false]
  ]
  for (const [what, overlay, unblocked, digest, isReady] of table) {
    const { enforce } = stateAt({ status, overlay, unblocked }) ?? {}
    t.same([enforce?.digest, enforce?.ready], [digest, isReady], what)
  }
  const { audit } = stateAt({ status, overlay: mount, unblocked: known(mount) }) ?? {}
  t.same([audit?.digest, audit?.ready], [clean, true], 'nothing was in it')
  t.end()
})

test('a forged replacement brings in no file that nodes do not have for the profile', (t) => {
  const { status } = places[0]?.[2] ?? {}
  const foreign = digestOf('the revision of another profile')
  const digests = new Map([...known(mount).digests, [pathTo(wide), foreign]])
  const unblocked = { block: blockDigest(mount), digests }
  const { previous } = stateAt({ status, overlay: mount, unblocked }) ?? {}
  t.same([previous?.path, previous?.ready], [pathTo(foreign), false])
  t.end()
})

test('a label does not enforce at replicas without a hub either', (t) => {
  for (const labelMode of ['audit', undefined] as const) {
    const status = { revision: newest, ...(labelMode && { labelMode }) }
    const state = stateAt({ status, overlay: emptyOverlay(), unblocked: nothingBlocked })
    t.equal(state?.labelMode, labelMode)
  }
  t.end()
})
