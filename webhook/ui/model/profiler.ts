import { SeccoError } from '../../../src/lib/errors.js'
import { isNamed, placeOf } from '../../confinement/containers/container-names.js'
import type { FleetTraces } from '../../hub/traces/fleet-traces.js'
import type { TraceTarget } from '../../hub/traces/trace.js'
import type { Identity, Verb } from '../../access/rights.js'
import { type InventoryItem, profileOf } from './inventory.js'
import type { UiSources } from './sources.js'

/** The traces of a hub: of containers on any node that is connected to it. */
export type Profiler = Pick<FleetTraces, 'start' | 'find' | 'list' | 'watch' | 'stop'>

/** Lists the running containers that a person may see. */
function runningContainers(sources: Pick<UiSources, 'containers'>): InventoryItem[] {
  const groups = sources.containers()?.groups() ?? []
  return [...groups].flatMap(({ items }) => [...items.values()])
}

/** Whether a person may start, watch or stop traces in the namespace of a container. */
export function mayTrace(
  identity: Identity,
  verb: Verb & ('trace' | 'get'),
  { namespace }: Pick<TraceTarget, 'namespace'>
): Promise<boolean> {
  return identity.can(verb, 'containers', namespace === '' ? undefined : namespace)
}

type Where = Pick<UiSources, 'containers' | 'podNamed'>

function named(all: readonly InventoryItem[], text: string): InventoryItem[] {
  const [namespace = '', pod, container, ...more] = text.split('/')
  if (pod !== undefined && more.length === 0) {
    const own = all.filter(
      (item) =>
        item.namespace === namespace &&
        item.pod === pod &&
        (container === undefined || item.name === container)
    )
    if (own.length > 0 || container !== undefined) return own
  }
  return all.filter(isNamed(text))
}

function notHere(sources: Where, text: string): SeccoError {
  const [namespace = '', pod = ''] = text.split('/')
  const place = sources.podNamed(namespace, pod)
  if (place === undefined || place.node === '') {
    return new SeccoError('CONTAINER_NOT_FOUND', `${text}: no running container has this name`, {
      hint: `list them with \`secco ps ${placeOf(text)} -o wide\``
    })
  }
  const message = `${text} is on node ${place.node}, which reports no such container`
  return new SeccoError('UNAVAILABLE', message, { hint: 'see why: secco doctor' })
}

/**
 * Returns the container that a key or a name means: NAMESPACE/POD, NAMESPACE/POD/CONTAINER, a name or an id.
 * @throws SeccoError CONTAINER_NOT_FOUND, CONTAINER_AMBIGUOUS, UNAVAILABLE when its node does not report it
 */
export function targetOf(sources: Where, text: string): TraceTarget {
  const byKey = sources.containers()?.find(text)
  const found = byKey === undefined ? named(runningContainers(sources), text) : [byKey]
  const [only] = found
  if (only === undefined) throw notHere(sources, text)
  if (found.length > 1) {
    const names = found.map((one) => (one.pod === '' ? one.id : pathOf(one))).sort()
    const message = `${text} may be one of ${names.slice(0, 8).join(', ')}`
    throw new SeccoError('CONTAINER_AMBIGUOUS', message, { hint: `secco trace ${names[0] ?? ''}` })
  }
  const { key, node, id, namespace, workload, pod, name, image, state } = only
  return { key, node, id, namespace, workload, pod, name, image, state, profile: profileOf(only) }
}

/** How the command line names a container. */
export function pathOf(one: Pick<TraceTarget, 'namespace' | 'pod' | 'name'>): string {
  return one.pod === '' ? one.name : `${one.namespace}/${one.pod}/${one.name}`
}
