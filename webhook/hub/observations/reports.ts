import type { Refused as RefusedCalls, SatelliteMessage } from '../../../src/api/gen/hub.js'
import { denialsOf } from '../denials/denial.js'
import type { Denials } from '../denials/denials.js'
import type { KnownPod } from '../nodes/hub-cluster.js'
import type { FleetInventory } from '../nodes/inventory.js'
import type { PodCheck } from './pod-check.js'
import type { Refusals } from '../stream/refusals.js'
import type { FleetSets } from '../nodes/used-sets.js'
import { type Target, targetOf } from '../nodes/workload.js'

export interface ReportsOptions {
  inventory: FleetInventory
  sets: FleetSets
  denials: Denials
  refusals: Refusals
  /** In a cluster: whose a container is, by the API server's word. */
  podCheck?: PodCheck
  podOf: (uid: string) => KnownPod | undefined
}

type Body = NonNullable<SatelliteMessage['body']>
/** What a node says of what runs on it now; nothing of it is acked, all of it is said again. */
export type Report = Extract<Body, { $case: 'inventory' | 'used' | 'refused' }>

/** Longest name of an instance that is taken. */
const longestId = 512

export function isReport(body: Body): body is Report {
  return body.$case === 'inventory' || body.$case === 'used' || body.$case === 'refused'
}

/** Takes in what a node tells of its containers: what they are, what they used, what they were refused. */
export function createReports(options: ReportsOptions): (node: string, report: Report) => void {
  const { inventory, sets, denials, refusals, podCheck, podOf } = options

  function refusedCalls(node: string, { containers }: RefusedCalls): void {
    const lastSeen = new Date().toISOString()
    for (const { instance: id, container, revision, denied } of containers) {
      if (container === undefined || id === '' || id.length > longestId) continue
      const note = (target: Target) =>
        denials.note(denialsOf({ id, container, revision, denied }, { target, node, lastSeen }))
      if (podCheck === undefined) {
        const target = targetOf(container, podOf(container.podUid))
        if (target !== undefined) note(target)
        continue
      }
      void podCheck.check(node, container).then((answer) => {
        if ('reason' in answer) refusals.note(answer, { node, id })
        else note(answer)
      })
    }
  }

  return (node, report) => {
    if (report.$case === 'inventory') {
      inventory.take(node, report.value, new Date().toISOString())
    } else if (report.$case === 'refused') refusedCalls(node, report.value)
    else {
      for (const set of report.value.sets) {
        const id = `${node}/${set.key}`
        if (inventory.get(id) !== undefined) sets.put(id, set)
      }
    }
  }
}
