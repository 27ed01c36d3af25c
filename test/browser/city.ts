import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { InventoryItem } from '../../webhook/ui/model/inventory.js'
import { town } from './town.js'

/** A profile of the city whose pages are looked at. */
export const cityKey = 'ns-1/w-1.app'

const namespaceOf = (at: number) => `ns-${at % 40}`

/** The same as the town, but of 1,000 workloads more and 100,000 containers. */
export function city(workloads = 1000, containers = 100_000) {
  const [sample] = town.inventory()
  const [resident] = town.objects.filter(
    (one): one is SeccompProfile => one.kind === 'SeccompProfile'
  )
  if (sample === undefined || resident === undefined) throw new Error('no sample')
  const profiles = Array.from({ length: workloads }, (_, at): SeccompProfile => {
    const workload = { kind: 'Deployment', name: `w-${at}`, container: 'app' } as const
    return {
      ...resident,
      metadata: { namespace: namespaceOf(at), name: `w-${at}.app` },
      spec: { ...resident.spec, workload },
      // Objects of their own, as documents that were read are: nothing is shared behind the scenes.
      ...(resident.status === undefined ? {} : { status: structuredClone(resident.status) })
    }
  })
  const inventory = Array.from({ length: containers }, (_, at): InventoryItem => {
    const profile = `${namespaceOf(at % workloads)}/w-${at % workloads}.app`
    return {
      ...sample,
      ...{ key: `k${at}`, id: `${at}`.padEnd(64, 'c'), namespace: namespaceOf(at % workloads) },
      ...{ node: `worker-${at % 1000}`, pod: `w-${at % workloads}-7d9f6-${at}` },
      ...{ workload: `Deployment/w-${at % workloads}`, profile, learned: profile, drift: [] }
    }
  })
  return { ...town, objects: [...town.objects, ...profiles], inventory: () => inventory }
}
