import type { Confinement } from '../containers/confinement.js'
import type { ContainerView } from '../containers/container-view.js'
import { whyNotRecording } from '../containers/denial-recording.js'

/** UnrecordedContainer is a running container whose calls are not known, so a simulation tells nothing about it. */
export interface UnrecordedContainer {
  key: string
  node: string
  namespace: string
  workload: string
  name: string
  /** A phrase that follows the container's name. */
  why: string
}

/** Returns why the calls of a container are not known. */
function whyUnrecorded({ sources }: Confinement, { node, state }: ContainerView): string {
  if (state === 'starting') return 'is starting'
  const known = sources.hub.nodes().find(({ name }) => name === node)
  const why = whyNotRecording(known, state === 'enforced' ? 'enforce' : 'audit')
  return why === undefined ? `${node} has not reported its calls yet` : `${node} ${why}`
}

/** Returns running containers without recorded calls, each with the reason. @param most that are returned */
export function unrecordedOf(
  confinement: Confinement,
  keys: readonly string[],
  most: number
): UnrecordedContainer[] {
  return keys.slice(0, most).flatMap((one) => {
    const view = confinement.views.peek(one)
    if (view === undefined) return []
    const { key, node, namespace, workload, name } = view
    return [{ key, node, namespace, workload, name, why: whyUnrecorded(confinement, view) }]
  })
}
