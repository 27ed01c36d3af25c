import type { Observation } from '../../src/api/gen/hub.js'
import type { Discovery } from '../../webhook/hub/observations/discovery.js'
import type { ObservationFinding } from '../../webhook/hub/observations/read-observation.js'

/** Notes an observation of an instance of shop/checkout.app in which only the number of its reads is of interest. */
export function noteReads(discovery: Discovery, count: number): void {
  const finding: Pick<
    ObservationFinding,
    'target' | 'part' | 'set' | 'events' | 'id' | 'firstSeen' | 'lastSeen'
  > = {
    target: {
      ref: { namespace: 'shop', name: 'checkout.app' },
      workload: { kind: 'Deployment', name: 'checkout', container: 'app' }
    },
    ...{ part: 'entry', set: { x86_64: ['read'] }, events: [], id: 'node-1/boot/1.1.0' },
    ...{ firstSeen: '2026-01-01T14:20:00.000Z', lastSeen: '2026-01-01T14:20:00.000Z' }
  }
  const observation: Pick<Observation, 'abis'> = {
    abis: [{ abi: 'x86_64', syscalls: [{ name: 'read', count, action: '', detail: undefined }] }]
  }
  discovery.note(observation as Observation, finding as ObservationFinding)
}
