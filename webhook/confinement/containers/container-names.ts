import { SeccoError } from '../../../src/lib/errors.js'
import type { ContainerView } from './container-views.js'
import type { Confinement } from './confinement.js'

/** Nameable is what a person can name a container by, be it running or not. */
export type Nameable = Pick<ContainerView, 'id' | 'name' | 'namespace' | 'pod' | 'workload'>

/** A shorter prefix of an id would often fit several containers. */
const shortestId = 8

/**
 * Returns a test for whether a name means a container: by its id (or a prefix), its name, its pod, its workload,
 * or `namespace/name`.
 * @param namespace where to search if the name has no namespace of its own
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

/** Returns the running containers that a name or a container's key means. */
export function findContainers(
  confinement: Confinement,
  name: string,
  namespace?: string
): ContainerView[] {
  const isMeant = isNamed(name, namespace)
  return confinement.views.list().filter((view) => view.key === name || isMeant(view))
}

/** @param command shows the denials of containers that have ended */
export function notRunning(name: string, command?: string): SeccoError {
  const list = 'list them with `secco ps -A -o wide`'
  const hint = command === undefined ? list : `${list}; denials of ended containers: \`${command}\``
  return new SeccoError('CONTAINER_NOT_FOUND', `${name}: no running container has this name`, {
    hint
  })
}
