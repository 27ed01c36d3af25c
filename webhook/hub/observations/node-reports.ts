import type { Denials as NodeDenials, SatelliteMessage } from '../../../src/api/gen/hub.js'
import { denialsOf } from '../denials/denial.js'
import type { Denials } from '../denials/denials.js'
import type { KnownProfile } from '../../../src/rules/profile-label.js'
import type { KnownPod } from '../nodes/hub-cluster.js'
import type { FleetInventory } from '../nodes/inventory.js'
import type { PodCheck } from './pod-check.js'
import type { Rejections } from '../stream/rejections.js'
import type { FleetSets } from '../nodes/used-sets.js'
import { type Target, targetOf } from '../nodes/workload.js'

interface NodeReportsOptions {
  inventory: FleetInventory
  sets: FleetSets
  denials: Denials
  rejections: Rejections
  /** In a cluster: finds the workload of a container from what the API server knows. */
  podCheck?: PodCheck
  podOf: (uid: string) => KnownPod | undefined
  /** Returns a profile by its `profileKey`; undefined when there is none. */
  profileOf: (key: string) => KnownProfile | undefined
}

type Body = NonNullable<SatelliteMessage['body']>
/** NodeReport is what a node reports of its running containers. It is not acked: the node sends all of it again. */
export type NodeReport = Extract<Body, { $case: 'inventory' | 'used' | 'denials' }>

/** The longest id of an instance that is accepted. */
const longestId = 512

export function isNodeReport(body: Body): body is NodeReport {
  return body.$case === 'inventory' || body.$case === 'used' || body.$case === 'denials'
}

/** Returns a function that stores a node's report of its containers: what they are, what they used and what was denied. */
export function createNodeReports(
  options: NodeReportsOptions
): (node: string, report: NodeReport) => void {
  const { inventory, sets, denials, rejections, podCheck, podOf, profileOf } = options

  function noteDenials(node: string, { containers }: NodeDenials): void {
    const lastSeen = new Date().toISOString()
    for (const { instance: id, container, revision, denied } of containers) {
      if (container === undefined || id === '' || id.length > longestId) continue
      const note = (target: Target) =>
        denials.note(denialsOf({ id, container, revision, denied }, { target, node, lastSeen }))
      if (podCheck === undefined) {
        const target = targetOf(container, podOf(container.podUid), profileOf)
        if (target !== undefined) note(target)
        continue
      }
      void podCheck.check(node, container).then((answer) => {
        if ('reason' in answer) rejections.note(answer, { node, id })
        else note(answer)
      })
    }
  }

  return (node, report) => {
    if (report.$case === 'inventory') {
      inventory.take(node, report.value, new Date().toISOString())
    } else if (report.$case === 'denials') noteDenials(node, report.value)
    else {
      for (const set of report.value.sets) {
        const id = `${node}/${set.key}`
        if (inventory.get(id) !== undefined) sets.put(id, set)
      }
    }
  }
}
