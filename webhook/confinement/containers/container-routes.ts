import { states } from '../../../src/confinement/state.js'
import { parseSelector } from '../../../src/rules/parse-selector.js'
import { selectorMatches } from '../../../src/rules/selector.js'
import type { ContainerView } from './container-views.js'
import { type NodeCoverage, nodeCoverage } from './missing-nodes.js'
import { type ConfinementCall, type ConfinementRoute, textOf } from './route.js'
import type { Confinement } from './confinement.js'

/** ContainerList is the answer of `GET /api/v1/containers`; an earlier hub does not report all members of the coverage. */
export interface ContainerList extends Partial<NodeCoverage> {
  items: ContainerView[]
}

/** Returns the views that match a query. */
export function chosen(
  confinement: Pick<Confinement, 'listed'>,
  views: readonly ContainerView[],
  query: Readonly<Record<string, string | string[] | undefined>>
): ContainerView[] {
  const own = (key: string): string | undefined => textOf(query[key])
  const wants = (key: string): boolean => own(key) === 'true'
  const text = own('selector')
  const selector = text === undefined ? undefined : parseSelector(text)
  const hasLabels = (view: ContainerView): boolean =>
    selector === undefined || selectorMatches(selector, confinement.listed.labelsOf(view.key))
  return views.filter(
    (view) =>
      hasLabels(view) &&
      (own('namespace') ?? view.namespace) === view.namespace &&
      (own('node') ?? view.node) === view.node &&
      (own('state') ?? view.state) === view.state &&
      (own('workload') ?? view.workload) === view.workload &&
      (!wants('stale') || view.stale) &&
      (!wants('drift') || view.drift.length > 0) &&
      (!wants('unprotected') || view.unprotected !== null)
  )
}

function summaryOf(views: readonly ContainerView[]) {
  const count = (is: (view: ContainerView) => boolean) => views.filter(is).length
  return {
    total: views.length,
    states: Object.fromEntries(
      states.map((state) => [state, count((view) => view.state === state)])
    ),
    stale: count(({ stale }) => stale),
    drifted: count(({ drift }) => drift.length > 0),
    unprotected: count(({ unprotected }) => unprotected !== null),
    denials: views.reduce((sum, { denials }) => sum + denials, 0)
  }
}

type Place = Pick<ContainerView, 'namespace' | 'workload' | 'name' | 'key'>

export const byPlace = (a: Place, b: Place): number =>
  [a.namespace, a.workload, a.name, a.key].join('\0') <
  [b.namespace, b.workload, b.name, b.key].join('\0')
    ? -1
    : 1

export function containerRoutes(confinement: Confinement): ConfinementRoute[] {
  const needs = { verb: 'list', resource: 'containers' } as const
  const own = { needs, namespaced: true, cli: 'secco ps' } as const
  const seen = ({ query, sees }: ConfinementCall) =>
    chosen(confinement, confinement.listed.list(), query).filter(({ namespace }) => sees(namespace))
  return [
    {
      ...{ method: 'GET', url: '/api/v1/containers', ...own },
      summary:
        'Every running container and how the kernel confines it, and containers that wait to start although a rule was bypassed',
      handle: (call): ContainerList => {
        const items = seen(call).sort(byPlace)
        return { items, ...nodeCoverage(confinement.sources, items, call.sees) }
      }
    },
    {
      ...{ method: 'GET', url: '/api/v1/summary', ...own },
      summary: 'The number of running containers by state, and which nodes they are not known of',
      handle: (call) => {
        const views = seen(call)
        return { ...summaryOf(views), ...nodeCoverage(confinement.sources, views, call.sees) }
      }
    }
  ]
}
