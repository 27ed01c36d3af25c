import type { Broken } from './doctor-links.js'
import { namespace as home } from '../install/names.js'

/** The members of a Deployment or DaemonSet that doctor reads (apps/v1). */
export interface Workload {
  metadata: { name: string }
  spec: {
    replicas?: number
    template: {
      spec: { containers: { name: string; image: string }[]; imagePullSecrets?: unknown[] }
    }
  }
  status?: { readyReplicas?: number; numberReady?: number; desiredNumberScheduled?: number }
}

/** Returns name and ready replicas: `secco 1/1`. */
export const readyText = ({ metadata, status, spec }: Workload): string =>
  `${metadata.name} ${status?.readyReplicas ?? status?.numberReady ?? 0}/${spec.replicas ?? status?.desiredNumberScheduled ?? 0}`

/** Returns why a central program does not serve; undefined when each has a ready replica. */
export function notServing(deployments: readonly Workload[]): Broken | undefined {
  for (const one of deployments) {
    const what = `deployment ${one.metadata.name}`
    if (one.spec.replicas === 0) {
      const fix = `kubectl -n ${home} scale deployment ${one.metadata.name} --replicas=2`
      return { broken: `${what} is scaled to 0: no pod is reviewed`, fix }
    }
    if ((one.status?.readyReplicas ?? 0) === 0) {
      const fix = `see why: kubectl -n ${home} describe deployment ${one.metadata.name}; kubectl -n ${home} get pods`
      return { broken: `${what}: no replica is ready`, fix }
    }
  }
  return undefined
}
