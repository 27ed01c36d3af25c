import { toSeccoError } from '../../src/lib/errors.js'
import type { ApiCall } from '../../src/store/kubernetes-call.js'
import type { Lease } from '../../webhook/cluster/replicas/lease.js'
import { names, namespace } from '../install/names.js'

/** Longer than any lease of a hub, and than the clocks of two machines usually differ. */
const lateMs = 60_000

/**
 * Returns what is known of a hub that does not run, in words; undefined while one runs, and for who may not read its
 * Lease.
 * @param now milliseconds since the epoch
 */
export async function hubAbsence(call: ApiCall, now: number): Promise<string | undefined> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${names.hub}`
  try {
    const { spec } = (await call('GET', path)) as Partial<Lease>
    const renewTime = spec?.renewTime
    if (renewTime === undefined) return 'no hub runs in this cluster'
    if (now - Date.parse(renewTime) < lateMs) return undefined
    return `no hub has run in this cluster since ${renewTime.replace(/\.\d+Z$/, 'Z')}`
  } catch (error) {
    // Without an answer nothing is known: the list is shown all the same.
    return toSeccoError(error).code === 'NOT_FOUND' ? 'no hub runs in this cluster' : undefined
  }
}
