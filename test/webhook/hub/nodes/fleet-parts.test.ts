import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import {
  type FleetParts,
  joinParts,
  renderingOf
} from '../../../../webhook/hub/nodes/fleet-parts.js'

const profile: SeccompProfile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: {
    seccomp: {
      defaultAction: 'SCMP_ACT_KILL_PROCESS',
      architectures: ['SCMP_ARCH_X86_64'],
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }]
    }
  }
}

const digestOf = (parts: readonly FleetParts[]): string =>
  renderProfile(profile, {
    ...renderingOf(joinParts(parts)),
    ...{ mode: 'enforce', resolve: () => undefined }
  }).digest
const node = (...runtimes: [name: string, version: string][]): FleetParts => ({
  runtimes: runtimes.map(([name, version]) => ({ name, version })),
  machines: ['x86_64']
})
const honest = node(['runc', '1.1.12'], ['containerd', '1.7.2'])

const lies: [what: string, lie: FleetParts, isSame: boolean][] = [
  ['a runtime that nobody knows', node(['x', '1.0']), true],
  ['runc without a version', node(['runc', '']), true],
  ['runc in a version that is no number', node(['runc', 'latest']), true],
  ['engines', node(['docker', ''], ['podman', ''], ['cri-o', '']), true],
  ['a known runtime, which a node may have', node(['crun', '1.0']), false]
]

test('one node does not change the profiles of all by what it says of its runtimes', (t) => {
  for (const [what, lie, isSame] of lies) {
    t.equal(digestOf([honest, lie]) === digestOf([honest]), isSame, what)
  }
  t.end()
})

test('what is not known counts where nothing else is', (t) => {
  t.same(joinParts([node(['x', '1.0'])]).runtimes, [{ name: 'x', version: '1.0' }])
  t.same(joinParts([node(['runc', ''])]).runtimes, [{ name: 'runc', version: '' }])
  t.same(joinParts([node(['runc', '1.1.5+ds1']), node(['runc', 'v1.1.5'])]).runtimes, [
    { name: 'runc', version: '1.1.5' }
  ])
  t.end()
})
