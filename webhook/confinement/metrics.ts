import { Counter, Gauge, type Registry } from 'prom-client'
import { driftKinds, states } from '../../src/confinement/state.js'
import type { Confinement } from './containers/confinement.js'
import type { ContainerView } from './containers/container-views.js'
import { unlistedNodes } from './containers/missing-nodes.js'
import { openGroups } from '../views/denial-view.js'
import { denialViews } from './denials/denial-views.js'

/** A gauge without labels of the containers that pass a test; absent on a replica that does not know them. */
interface Counted {
  name: string
  help: string
  is: (view: ContainerView) => boolean
}

const counted: readonly Counted[] = [
  {
    name: 'secco_containers_unprotected',
    help: 'Running containers that a rule would protect but that run without its profile.',
    is: ({ unprotected }) => unprotected !== null
  },
  {
    name: 'secco_containers_stale',
    help: 'Running containers under an older revision than a new container would get.',
    is: ({ stale }) => stale
  }
]

/** Returns the number of denials that wait for a person, as the pages and `secco denials` count them. */
const openDenialsOf = (confinement: Confinement): number =>
  openGroups(denialViews(confinement)).length

/**
 * Registers metrics of how the fleet is confined. Their labels are closed sets: no pod, no workload.
 * @param isActive whether satellites report to this replica: a standby knows no container, and exports no zeros
 */
export function confinementMetrics(
  registry: Registry,
  confinement: Confinement,
  isActive: () => boolean,
  openDenials: (confinement: Confinement) => number = openDenialsOf
): void {
  const { sources, views } = confinement
  const registers = [registry]
  new Gauge({
    name: 'secco_containers',
    help: 'Running containers by how the kernel confines them, on the nodes that report; see secco_nodes_missing.',
    labelNames: ['state'] as const,
    registers,
    collect() {
      this.reset()
      if (!isActive()) return
      for (const state of states) this.set({ state }, 0)
      for (const { state } of views.list()) this.inc({ state })
    }
  })
  new Gauge({
    name: 'secco_containers_drifted',
    help: 'Running containers in which declared, on disk and in the kernel disagree, by kind.',
    labelNames: ['kind'] as const,
    registers,
    collect() {
      this.reset()
      if (!isActive()) return
      for (const kind of driftKinds) this.set({ kind }, 0)
      for (const { drift } of views.list()) for (const { kind } of drift) this.inc({ kind })
    }
  })
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        if (isActive()) this.set(read())
        else this.remove()
      }
    })
  }
  for (const { name, help, is } of counted) gauge(name, help, () => views.list().filter(is).length)
  gauge(
    'secco_nodes_missing',
    'Nodes that have not reported what runs there: no other metric of containers knows of it.',
    () => unlistedNodes(sources)
  )
  gauge(
    'secco_denials_open',
    'Denied (in audit: logged) syscalls of workloads that wait for a decision: 0 when each is allowed, muted or closed.',
    () => openDenials(confinement)
  )
  new Counter({
    name: 'secco_denials_total',
    help: 'Denied (in audit: logged) syscalls by node and result; expected: denied on purpose.',
    labelNames: ['node', 'answer'] as const,
    registers,
    collect() {
      this.reset()
      for (const { node, answer, count } of sources.hub.denialRows.totals())
        this.inc({ node, answer }, count)
    }
  })
}
