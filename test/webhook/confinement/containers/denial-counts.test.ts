import { test } from 'tap'
import { denialCountsOf } from '../../../../webhook/confinement/containers/denial-counts.js'
import type {
  NamedRevision,
  RevisionIndex
} from '../../../../webhook/confinement/containers/revision-index.js'
import type { ConfinementSources } from '../../../../webhook/confinement/containers/sources.js'
import type { Denial } from '../../../../webhook/hub/denials/denial.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import type { Running } from '../../../../webhook/hub/nodes/inventory.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'

const at = '2026-01-01T12:00:00.000Z'

/** A hub whose functions need it, as those of the hub do. */
class TestHub {
  readonly #states = new Map<string, never>()
  readonly denialRows = new DenialRows({ since: at, rows: [], runs: {} })

  profiles(): ReadonlyMap<string, never> {
    return this.#states
  }
}

/** Two profiles have the revision that denied the call. */
const shared = ['shop/copy', 'shop/rule']
const index = {
  isOfOther: () => false,
  named(digest: string, likely: readonly string[]): NamedRevision {
    const own = likely.find((key) => shared.includes(key))
    const [first = '', ...others] = own === undefined ? shared : [own]
    return { profile: first, digest, mode: 'enforce', others }
  }
} as unknown as RevisionIndex
const known = (profile: string, others: string[] = []): NamedRevision => ({
  ...{ profile, others, digest: 'sha256:a', mode: 'enforce' }
})

test('a muted denial is none that a person has to decide on', (t) => {
  const running = { node: 'n1', container: { id: 'c' }, startedAt: at } as unknown as Running
  const rule = known('shop/rule')
  const either = known('shop/copy', ['shop/rule'])
  // [what, the muted call, in which profiles, the revision of the container, what is left]
  for (const [what, call, muted, revision, denials] of [
    ['in the profile that learns', 'getsid', ['shop/web'], rule, 0],
    ['another call is', 'mkdir', ['shop/web', 'shop/rule'], rule, 3],
    ['in the profile that a rule gives', 'getsid', ['shop/rule'], rule, 0],
    ['in another profile of the same content', 'getsid', ['shop/copy'], rule, 3],
    ['in one of two that it may be of', 'getsid', ['shop/copy'], either, 3],
    ['in both', 'getsid', ['shop/copy', 'shop/rule'], either, 0],
    ['nobody knows the revision of the container', 'getsid', ['shop/rule'], undefined, 3]
  ] as const) {
    const hub = new TestHub()
    const denial = {
      ...{ namespace: 'shop', profile: 'web', node: 'n1', instance: 'n1/1', container: 'c' },
      ...{ workload: 'Pod/web', containerName: 'app', pod: 'web', revision: 'sha256:a' },
      ...{ syscall: 'getsid', abi: 'x86_64', action: 'SCMP_ACT_ERRNO', errno: 1, signal: '' },
      ...{ pid: 7, comm: 'app', lastSeen: at, at, arguments: '', expected: false, succeeded: 0 },
      count: 3
    } as Denial
    hub.denialRows.grow(denial, 3, at)
    const profile = (name: string): SeccompProfile => ({
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
      ...{
        metadata: { namespace: 'shop', name },
        spec: { mute: [{ syscall: call, by: 'ann', at }] }
      }
    })
    const facts = {
      ...{ hub: hub as unknown as ConfinementSources['hub'], index, revision },
      muting: new Map(muted.map((key) => [key, profile(key.slice('shop/'.length))]))
    }
    const reads = new Set<string>()
    t.match(denialCountsOf(running, facts, reads), { denials }, what)
    t.ok(reads.has('shop/web') && reads.has('shop/rule'), 'the view depends on both')
  }
  t.end()
})
