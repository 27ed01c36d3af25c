import { revisionPath } from '../../../src/api/names.js'
import { type Assigned, assignedOf } from '../../../src/confinement/assigned.js'
import type { ClusterPod } from './cluster-view.js'

/**
 * Returns a container's entry in `secco.dev/assigned` if its spec is what the webhook writes together with that entry.
 * While the webhook is away, the author of a pod may write anything there. Pure.
 */
export function carriedAssignment(pod: ClusterPod, container: string): Assigned | undefined {
  const found = pod.containers.find(({ name }) => name === container)
  const entry = assignedOf(pod.assigned === '' ? undefined : pod.assigned, container)
  if (found === undefined || entry === undefined) return undefined
  switch (entry.outcome) {
    case 'assigned': {
      const [namespace = '', name = ''] = entry.profile.split('/')
      const path = revisionPath(namespace, name, entry.revision)
      const isCarried =
        entry.revision !== '' && found.seccomp === 'Localhost' && found.localhostProfile === path
      return isCarried ? entry : undefined
    }
    case 'learn':
    case 'runtime-default':
      return found.seccomp === 'RuntimeDefault' ? entry : undefined
    default:
      return undefined
  }
}
