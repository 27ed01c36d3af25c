import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { toBitmap } from '../../src/syscalls/bitmap.js'
import type { Instance } from '../../src/seccomp/review/evidence-item.js'

export const start = Date.parse('2026-11-20T10:00:00Z')

export const hour = 3_600_000

export const at = (ms: number) => new Date(start + ms).toISOString()

export function profileOf(
  spec: SeccompProfile['spec'],
  status: SeccompProfile['status'] = {}
): SeccompProfile {
  const metadata = { name: 'web', namespace: 'shop' }
  return { apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata, spec, status }
}

export function instance(n: number, names: string[], more: Partial<Instance> = {}): Instance {
  return {
    ...{ id: `n/${n}`, node: n % 2 === 0 ? 'a' : 'b', complete: true, ended: true },
    ...{ firstSeen: at(n * 1000), lastSeen: at(n * 1000 + 500), image: 'web:1', kernel: '6.18' },
    observed: { x86_64: toBitmap('x86_64', names) },
    ...more
  }
}

export function seen(sets: string[][], spec: SeccompProfile['spec'] = {}): SeccompProfile {
  const observed = { x86_64: [...new Set(sets.flat())].sort() }
  const instances = sets.map((names, n) => instance(n, names))
  return profileOf(spec, { observed, instances, lastNew: at(0) })
}
