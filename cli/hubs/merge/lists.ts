import { byPlace } from '../../../webhook/confinement/containers/container-routes.js'
import type { ContainerView } from '../../../webhook/confinement/containers/container-view.js'
import type { Explained } from '../../../webhook/confinement/explain.js'
import type { DeniedContainer, WhyEperm } from '../../../webhook/confinement/denials/why-eperm.js'
import type { NodeView } from '../../../webhook/views/view.js'
import { countedBy, mergeDenials } from './denials.js'
import { latestKnownSince } from '../../lib/known-since.js'
import { less, once } from './once.js'

const deniedOf = ({ denials, expected }: DeniedContainer): number => denials + expected

function knowsMore(view: DeniedContainer, than: DeniedContainer): boolean {
  const order = deniedOf(view) - deniedOf(than) || view.syscalls - than.syscalls
  return order === 0 ? view.since > than.since : order > 0
}

/** Merges answers of `GET /api/v1/containers`. */
export function mergeContainers(lists: readonly (readonly ContainerView[])[]): ContainerView[] {
  return once(lists, ({ key }) => key, knowsMore).sort(byPlace)
}

function mergeAbout<Item extends { container: DeniedContainer }>(
  lists: readonly (readonly Item[])[]
): Item[] {
  const items = once(
    lists,
    ({ container }) => container.key,
    (one, than) => knowsMore(one.container, than.container)
  )
  return items.sort((a, b) => byPlace(a.container, b.container))
}

/** Merges answers of `GET /api/v1/explain`. */
export function mergeExplained(lists: readonly (readonly Explained[])[]): Explained[] {
  return mergeAbout(lists)
}

type Before = WhyEperm['before'][number]

/** Denials of earlier runs: a hub that lists a container distinguishes its runs by the reports of its node. */
const earlierRuns = ({ items, before }: Pick<WhyEperm, 'items' | 'before'>): Before[] =>
  before.filter((row) =>
    items.some(({ container: { node, id } }) => node === row.node && id === row.container)
  )

type Answer = Pick<WhyEperm, 'items' | 'before'>

/** The `knownSince` of a hub of an older version is undefined. */
interface MergedWhyEperm extends Pick<WhyEperm, 'before'> {
  items: (Omit<WhyEperm['items'][number], 'knownSince'> & { knownSince: string | undefined })[]
}

/**
 * Merges answers of `GET /api/v1/why-eperm`. A container that has ended for one hub may run on a node that has moved to
 * another hub, which gets its denials only with the next one.
 */
export function mergeWhyEperm(answers: readonly Answer[]): MergedWhyEperm {
  const merged = mergeAbout(answers.map((one) => one.items))
  const knownSince = ({ container }: WhyEperm['items'][number]) =>
    latestKnownSince(
      answers.flatMap(({ items }) =>
        items.filter((one) => one.container.key === container.key).map((one) => one.knownSince)
      )
    )
  const before = mergeDenials(answers.map((one) => one.before))
  const earlier = new Set(answers.flatMap(earlierRuns).map(countedBy))
  const isOf = ({ container }: WhyEperm['items'][number], row: Before): boolean =>
    !earlier.has(countedBy(row)) &&
    container.node === row.node &&
    container.id === row.container &&
    Date.parse(row.firstSeen) >= Date.parse(container.startedAt)
  const items = merged.map((item) => {
    const known = new Set(item.denials.map(countedBy))
    const more = before.filter((row) => isOf(item, row) && !known.has(countedBy(row)))
    const denials = [...item.denials, ...more]
    return {
      ...item,
      knownSince: knownSince(item),
      denials,
      words: [...item.words, ...more.map(({ words }) => words)]
    }
  })
  return { items, before: before.filter((row) => !merged.some((item) => isOf(item, row))) }
}

/** Merges answers of `GET /api/v1/nodes`. The hub to which a node is connected knows it best. */
export function mergeNodes(lists: readonly (readonly NodeView[])[]): NodeView[] {
  const nodes = once(
    lists,
    ({ name }) => name,
    (node, than) =>
      node.connected === than.connected ? node.lastSeen > than.lastSeen : node.connected
  )
  return nodes.sort((a, b) => less(a.name, b.name))
}

/** Merges answers of `GET /api/v1/audit`, newest first. Each hub recorded its own actions. */
export function mergeActions<Row extends { at: string }>(
  lists: readonly (readonly Row[])[]
): Row[] {
  return lists.flat().sort((a, b) => less(b.at, a.at))
}
