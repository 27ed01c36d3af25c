import { namespacePattern } from '../../../src/api/names.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { quoted } from '../../../src/lib/shell-word.js'
import type { ContainerView } from './container-views.js'
import type { Confinement } from './confinement.js'
import { missingNodesText } from './missing-nodes.js'

/** Nameable is what a person can name a container by, be it running or not. */
export type Nameable = Pick<ContainerView, 'id' | 'name' | 'namespace' | 'pod' | 'workload'>

const podKinds: ReadonlySet<string> = new Set(['po', 'pod', 'pods'])

/** A shorter prefix of an id would often fit several containers. */
const shortestId = 8

/**
 * Returns a test for whether a name means a container: by its id (or a prefix), its name, its pod, its workload,
 * `namespace/name`, or `pod/NAME`.
 * @param namespace where to search if the name has no namespace of its own
 */
export function isNamed(name: string, namespace?: string): (one: Nameable) => boolean {
  const [first = '', second] = name.split('/', 2)
  // As kubectl names a pod. A namespace can have that name too.
  const pod = podKinds.has(first) ? second : undefined
  const own = second ?? first
  const home = second === undefined ? namespace : first
  return (one) =>
    (pod !== undefined && one.pod === pod && (namespace ?? one.namespace) === one.namespace) ||
    ((home ?? one.namespace) === one.namespace &&
      own !== '' &&
      (one.pod === own ||
        one.name === own ||
        one.id === own ||
        one.workload.split('/')[1] === own ||
        (own.length >= shortestId && one.id.startsWith(own))))
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

/** Says that no running container has a name, as far as that is known. */
export function noneRunning(missingNodes: number): string {
  return missingNodes === 0
    ? 'no running container has this name'
    : `no known container has this name, and ${missingNodesText(missingNodes)}`
}

const namespaceForm = new RegExp(namespacePattern)

/** Returns the option for the namespace in which a name was looked for: `-n NAMESPACE`, or `-A` for all. */
export function placeOf(name: string, namespace?: string): string {
  const [first = '', second] = name.split('/', 2)
  const isPlace = second !== undefined && !podKinds.has(first) && namespaceForm.test(first)
  const home = isPlace ? first : namespace
  return home === undefined ? '-A' : `-n ${quoted(home)}`
}

/**
 * Returns the error of a name that no running container has. Its next step never leads to the same error.
 * @param hasDenials whether denials of ended containers of the name are known
 */
export function notRunning(
  name: string,
  {
    namespace,
    missingNodes,
    hasDenials
  }: { namespace: string | undefined; missingNodes: number; hasDenials: boolean }
): SeccoError {
  const list = `list them with \`secco ps ${placeOf(name, namespace)} -o wide\``
  const place = namespace === undefined ? '' : ` -n ${quoted(namespace)}`
  const which = `${quoted(name)}${place}`
  const ended = hasDenials
    ? `denials of ended containers: \`secco why-eperm ${which}\``
    : `what happened to one that has ended: \`secco history ${which}\``
  const denials = hasDenials ? '' : ', and no denial of an ended one is known'
  return new SeccoError('CONTAINER_NOT_FOUND', `${name}: ${noneRunning(missingNodes)}${denials}`, {
    hint: `${list}; ${ended}`
  })
}
