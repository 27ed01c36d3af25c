import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { toBitmap } from '../../../src/syscalls/bitmap.js'
import { knownSyscalls, syscallNumber } from '../../../src/syscalls/syscall-table.js'

const names = knownSyscalls.filter((name) => syscallNumber('x86_64', name) !== undefined)
const instances = 64
const began = Date.parse('2026-11-20T10:00:00Z')
const at = (seconds: number) => new Date(began + seconds * 1000).toISOString()

export const nameOf = (nth: number): string => `web-${String(nth).padStart(5, '0')}`

/** A profile that was learned from 64 instances and then approved, but for one syscall. */
function learned(nth: number): SeccompProfile {
  const observed = Array.from({ length: 120 }, (_, n) => names[(nth + 2 * n) % names.length] ?? '')
  const calls = [...new Set(observed)].sort()
  const name = nameOf(nth)
  const seen = (n: number) => ({
    ...{ id: `containerd/${'ab'.repeat(16)}${n}/${n}`, node: `node-${n % 20}`, complete: true },
    ...{ ended: n < 60, firstSeen: at(n), lastSeen: at(n + 60), kernel: '6.18.0' },
    image: `registry.example/shop/${name}@sha256:${'0f'.repeat(32)}`,
    ...{ runtime: 'containerd 2.1.4', events: ['start', 'serve'] },
    observed: { x86_64: toBitmap('x86_64', calls.slice(0, 60 + (n % 60))) },
    serving: { x86_64: toBitmap('x86_64', calls.slice(20)) }
  })
  return {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    metadata: { namespace: 'shop', name },
    spec: {
      workload: { kind: 'Deployment', name, container: 'app' },
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: calls.slice(1), action: 'SCMP_ACT_ALLOW' }]
      }
    },
    status: {
      ...{ observed: { x86_64: calls }, startup: { x86_64: calls.slice(0, 90) } },
      ...{ serving: { x86_64: calls.slice(20) }, lastNew: at(64) },
      instances: Array.from({ length: instances }, (_, n) => seen(n))
    }
  }
}

/** Fills a folder with approved profiles, through the store. */
export async function fillStore(objects: string, count: number): Promise<void> {
  const store = await openDirectoryStore(objects)
  for (let nth = 0; nth < count; nth += 1) {
    const profile = learned(nth)
    const ref = { namespace: 'shop', name: profile.metadata.name }
    await store.apply('SeccompProfile', profile)
    const { status } = profile
    if (status !== undefined)
      await store.update('SeccompProfile', ref, (one) => ({ ...one, status }))
  }
  await store.close()
}
