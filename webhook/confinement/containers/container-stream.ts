import type { ServerResponse } from 'node:http'
import { byPlace, chosen } from './container-routes.js'
import type { Confinement } from './confinement.js'
import type { ContainerView } from './container-view.js'
import { openEventStream } from './event-stream.js'
import { type NodeCoverage, nodeCoverage } from './missing-nodes.js'
import type { ConfinementCall } from './route.js'

/** Between two answers about nodes, in ms. */
const tellMs = 500

/**
 * Sends the list of containers, then what changes: `change` has the containers, and `nodes` of how many nodes nothing is
 * listed, and whose lines are old.
 */
export function streamContainers(
  confinement: Confinement,
  { query, sees }: Pick<ConfinementCall, 'query' | 'sees'>,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>
): void {
  const { hub } = confinement.sources
  const own = (views: readonly ContainerView[]) =>
    chosen(confinement, views, query).filter(({ namespace }) => sees(namespace))
  // Who may not list nodes is told only of those on which a container of theirs was listed.
  const places = new Map<string, { node: string }>()
  const sent = (views: readonly ContainerView[]) => {
    for (const { node } of views) if (!places.has(node)) places.set(node, { node })
    return views
  }
  const nodesNow = (): NodeCoverage => nodeCoverage(confinement.sources, [...places.values()], sees)
  const stream = openEventStream(response, headers)
  const items = sent(own(confinement.listed.list()).sort(byPlace))
  let nodes = nodesNow()
  stream.send('snapshot', { items, ...nodes })
  let telling: NodeJS.Timeout | undefined
  // Each message of a node is a change, and nodes connect by the thousand.
  const tellSoon = () => {
    telling ??= setTimeout(tellNodes, tellMs)
  }
  const tellNodes = () => {
    clearTimeout(telling)
    telling = undefined
    const now = nodesNow()
    if (JSON.stringify(now) === JSON.stringify(nodes)) return
    nodes = now
    stream.send('nodes', nodes)
  }
  const leave = [
    confinement.listed.onChange((changed, gone) => {
      const data = { changed: sent(own(changed)), gone: own(gone).map(({ key }) => key) }
      if (data.changed.length + data.gone.length === 0) return
      stream.send('change', data)
      tellSoon()
    }),
    hub.onChange(tellSoon)
  ]
  stream.onClose(() => {
    clearTimeout(telling)
    for (const stop of leave) stop()
  })
}
