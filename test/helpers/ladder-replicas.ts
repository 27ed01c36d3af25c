import type { Ladder } from '../../src/api/ladder.js'
import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import { createLogger } from '../../src/lib/log.js'
import type { Store } from '../../src/store/store.js'
import { DenialRows } from '../../webhook/hub/denials/denial-rows.js'
import type { Denial } from '../../webhook/hub/denials/denial.js'
import type { NodeState } from '../../webhook/hub/nodes/node-state.js'
import type {
  ContainerView,
  ContainerViews
} from '../../webhook/confinement/containers/container-views.js'
import { DenialRecording } from '../../webhook/confinement/containers/denial-recording.js'
import { LadderWatch } from '../../webhook/confinement/ladder/ladder-watch.js'
import type { Confinement } from '../../webhook/confinement/containers/confinement.js'
import type { Instance } from '../../src/seccomp/review/evidence-item.js'
import { testProfile, testRevision } from './rules.js'

export const audit = testRevision('shop', 'web', 'b')
export const enforce = testRevision('shop', 'web', 'e')
export const watching = { record: 'always', attached: true, tracingUnavailable: '' }
export type Status = typeof watching
export const start = Date.parse('2026-01-01T00:00:00Z')

/** Replicas of the hub on one object, each with what its own nodes told. */
export function replicas() {
  let now = start
  let profile: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name: 'web' },
    spec: {
      seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] },
      ladder: { mode: 'audit', enforceAfter: '1h' }
    }
  }
  const store = {
    update: (_kind: string, _ref: object, edit: (one: SeccompProfile) => SeccompProfile) => {
      profile = edit(profile)
      return Promise.resolve(profile)
    }
  } as unknown as Store
  const state = testProfile('shop', 'web', { audit, enforce })
  return {
    profile: () => profile,
    /** A person said so, in the beginning. */
    stand: (ladder: Ladder, action: 'promote' | 'return' | 'rollback' = 'promote') => {
      const step = { at: new Date(start).toISOString(), by: 'ann', action }
      const history = [{ ...step, from: 'learn', to: ladder.mode }]
      const status = { ...profile.status, history }
      profile = { ...profile, spec: { ...profile.spec, ladder }, status }
    },
    /** What was recorded of the workload. */
    record: (instances: Instance[], startup: string[] = []) => {
      const status = { ...profile.status, instances, startup: { x86_64: startup } }
      profile = { ...profile, status }
    },
    approve: (names: string[]) => {
      const seccomp: LinuxSeccomp = {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }]
      }
      profile = { ...profile, spec: { ...profile.spec, seccomp } }
    },
    pass: (ms: number) => (now += ms),
    mute: (syscall: string) => {
      const mute = [{ syscall, by: 'ann', at: new Date(start).toISOString() }]
      profile = { ...profile, spec: { ...profile.spec, mute } }
    },
    /** One container on each node, from the beginning or since the node is there. */
    replica(
      isElsewhere: (node: string) => boolean,
      on: Record<string, Status>,
      under = audit,
      knownSince = start
    ) {
      const from = new Date(knownSince).toISOString()
      const denialRows = new DenialRows({ since: from, rows: [], runs: {} })
      const told = new Map(Object.entries(on))
      const since = new Map<string, number>()
      const away = new Set<string>()
      let begins: Parameters<ContainerViews['onChange']>[0] = () => undefined
      const pin = { name: 'pin', works: true, message: '' }
      const nodes = () =>
        [...told].map(([name, status]) => ({
          ...{ name, connected: !away.has(name), status: { ...status, capabilities: [pin] } }
        })) as unknown as NodeState[]
      const node = (name: string) => nodes().find((one) => one.name === name)
      const list = () =>
        [...told.keys()].map((node) => ({
          ...{ key: node, node, profile: 'shop/web', revision: under.digest, learned: '' },
          startedAt: new Date(since.get(node) ?? start).toISOString(),
          state: under === audit ? 'audit' : 'enforced'
        })) as ContainerView[]
      const recording = new DenialRecording({
        ...{ nodes, node, isAudit: (one) => one.state === 'audit', now: () => now },
        views: { list, onChange: (listener) => ((begins = listener), () => undefined) }
      })
      const truth = {
        recording,
        profile: () => undefined,
        sources: {
          hub: { denialRows, node, profiles: () => new Map([['shop/web', state]]) },
          ...{ store, isElsewhere, now: () => now, inCluster: true },
          logger: createLogger('test', { write: () => undefined })
        },
        views: { list, reachedBy: list },
        restarts: { of: () => 0 }
      } as unknown as Confinement
      const watch = new LadderWatch(truth, () => [profile])
      return {
        ...{ look: () => watch.scan(), close: () => watch.close() },
        tell(node: string, status: Status) {
          const isNew = !told.has(node)
          told.set(node, status)
          if (!isNew) return
          since.set(node, now)
          begins(
            list().filter((one) => one.node === node),
            []
          )
        },
        leave: (node: string) => void away.add(node),
        denied(node: string) {
          const at = new Date(now).toISOString()
          const denial = {
            ...{ node, instance: `${node}/1`, container: 'c', containerName: 'app', comm: 'app' },
            ...{ namespace: 'shop', profile: 'web', revision: audit.digest, syscall: 'getsid' },
            ...{ action: 'SCMP_ACT_LOG', errno: 0, signal: '', at, lastSeen: at, expected: false }
          } as unknown as Denial
          denialRows.grow(denial, 1, at)
        }
      }
    }
  }
}
