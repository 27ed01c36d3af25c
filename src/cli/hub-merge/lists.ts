import { byPlace } from '../../../webhook/truth/container-routes.js'
import type { ContainerView } from '../../../webhook/truth/container-view-types.js'
import type { DenialView } from '../../../webhook/truth/denial-views.js'
import type { Explained, WhyEperm } from '../../../webhook/truth/explain.js'
import type { NodeView } from '../../../webhook/ui/view.js'
import { mergeDenials } from './denials.js'
import { less, once } from './once.js'

const refusedOf = ({ denials, expected }: ContainerView): number => denials + expected

function knowsMore(view: ContainerView, than: ContainerView): boolean {
  const order = refusedOf(view) - refusedOf(than) || view.syscalls - than.syscalls
  return order === 0 ? view.since > than.since : order > 0
}

/** `GET /api/v1/containers`. */
export function mergeContainers(lists: readonly (readonly ContainerView[])[]): ContainerView[] {
  return once(lists, ({ key }) => key, knowsMore).sort(byPlace)
}

/** `GET /api/v1/explain`. */
export function mergeExplained(lists: readonly (readonly Explained[])[]): Explained[] {
  const items = once(
    lists,
    ({ container }) => container.key,
    (one, than) => knowsMore(one.container, than.container)
  )
  return items.sort((a, b) => byPlace(a.container, b.container))
}

/** `GET /api/v1/why-eperm`: what one hub takes for ended may run at a node that has moved to another one. */
export function mergeWhyEperm(answers: readonly WhyEperm[]): WhyEperm {
  const items = mergeExplained(answers.map((one) => one.items))
  const runOf = ({ node, instance }: DenialView): string => `${node} ${instance}`
  const running = new Set(items.flatMap(({ denials }) => denials.map(runOf)))
  const before = mergeDenials(answers.map((one) => one.before))
  return { items, before: before.filter((row) => !running.has(runOf(row))) }
}

/** `GET /api/v1/nodes`: a node is connected to the hub that says so. */
export function mergeNodes(lists: readonly (readonly NodeView[])[]): NodeView[] {
  const nodes = once(
    lists,
    ({ name }) => name,
    (node, than) =>
      node.connected === than.connected ? node.lastSeen > than.lastSeen : node.connected
  )
  return nodes.sort((a, b) => less(a.name, b.name))
}

/** `GET /api/v1/audit`, newest first: each hub wrote what was done at it. */
export function mergeActions<Row extends { at: string }>(
  lists: readonly (readonly Row[])[]
): Row[] {
  return lists.flat().sort((a, b) => less(b.at, a.at))
}
