import { RunningContainer } from '../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import { buildSnapshot, type Snapshot } from '../../src/rules/snapshot.js'
import { ContainerViewBuilder } from '../../webhook/confinement/containers/container-view-builder.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-view.js'
import type { RevisionIndex } from '../../webhook/confinement/containers/revision-index.js'
import type { ConfinementSources, PodView } from '../../webhook/confinement/containers/sources.js'
import { DenialRows } from '../../webhook/hub/denials/denial-rows.js'
import type { Running } from '../../webhook/hub/nodes/inventory.js'

/** Returns what a node reports of a container of namespace shop that runs under the file of this digest. */
export const runningUnder = (digest: string, change: Partial<Running> = {}): Running => ({
  ...RunningContainer.fromPartial({
    ...{ key: 'c@1', pid: 7, running: true, declared: 'revision', digest, disk: 'ok', mode: 2 },
    ...{ checked: 'bytes', same: true, allowed: 50, startedAt: '2026-01-01T00:00:00Z' },
    container: { id: 'c', name: 'app', podNamespace: 'shop', podName: 'web-1', podUid: 'u' }
  }),
  ...{ id: 'n1/c@1', node: 'n1', firstSeen: '2026-01-01T00:00:00Z' },
  ...change
})

interface Surroundings {
  /** The enforce revisions of profile shop/web. */
  revisions?: readonly string[]
  profiles?: readonly ProfileState[]
  snapshot?: Snapshot
  documents?: readonly SeccompProfile[]
  denialRows?: DenialRows
  /** What the API server knows of the container's pod. */
  pod?: PodView
  /** How often the history has a start in the container's place. */
  starts?: number
}

const riskLike = ({ beyondDefault }: Running) => (beyondDefault === undefined ? undefined : 51)

/** Returns what computes the views of containers in these surroundings. */
export function viewBuilder(around: Surroundings = {}): ContainerViewBuilder {
  const { revisions = [], profiles = [] } = around
  const named = (digest: string) =>
    revisions.includes(digest)
      ? { profile: 'shop/web', digest, mode: 'enforce', others: [] }
      : undefined
  const index = {
    ...{ named, of: ({ digest }: Running) => named(digest) },
    ...{ riskOf: () => 12, runtimeDefaultRisk: 40, riskLikeDefault: riskLike }
  } as unknown as RevisionIndex
  const states = new Map(profiles.map((one) => [`${one.namespace}/${one.name}`, one]))
  const snapshot = around.snapshot ?? buildSnapshot({ rules: [], profiles: [] })
  const hub = {
    ...{ denialRows: around.denialRows ?? new DenialRows(), profiles: () => states },
    history: { troubledSince: () => undefined, startsAt: () => around.starts ?? 0 }
  }
  const sources = {
    ...{ hub, snapshot: () => snapshot, profiles: () => around.documents ?? [] },
    ...{ pod: () => around.pod, now: () => Date.parse('2026-01-02') }
  } as unknown as ConfinementSources
  return new ContainerViewBuilder(sources, index)
}

/** Returns the view that the hub builds of a container. */
export function builtView(given: Running, around: Surroundings = {}): ContainerView {
  return viewBuilder(around).build(given, undefined, new Set())
}
