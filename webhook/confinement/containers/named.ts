import { SeccoError } from '../../../src/lib/errors.js'
import type { ContainerView } from './container-views.js'
import type { Truth } from '../truth.js'

/** By what a person may call a container that runs, or ran. */
export type Nameable = Pick<ContainerView, 'id' | 'name' | 'namespace' | 'pod' | 'workload'>

/** An id of fewer characters may be anybody's. */
const shortestId = 8

/**
 * Whether a name means it: an id (or its beginning), a container, a pod, a workload, or namespace/pod.
 * @param namespace only there, where the name has none itself
 */
export function isNamed(name: string, namespace?: string): (one: Nameable) => boolean {
  const [first = '', second] = name.split('/', 2)
  const own = second ?? first
  const home = second === undefined ? namespace : first
  return (one) =>
    (home ?? one.namespace) === one.namespace &&
    own !== '' &&
    (one.pod === own ||
      one.name === own ||
      one.id === own ||
      one.workload.split('/')[1] === own ||
      (own.length >= shortestId && one.id.startsWith(own)))
}

/** Running containers that a name, or the key of one, means. */
export function findContainers(truth: Truth, name: string, namespace?: string): ContainerView[] {
  const isMeant = isNamed(name, namespace)
  return truth.views.list().filter((view) => view.key === name || isMeant(view))
}

/** @param look what tells of one that has ended */
export function notRunning(name: string, look?: string): SeccoError {
  const list = 'list them with `secco ps -A -o wide`'
  const hint =
    look === undefined ? list : `${list}; what one was refused that has ended: \`${look}\``
  return new SeccoError('CONTAINER_NOT_FOUND', `${name}: no running container is called so`, {
    hint
  })
}
