import { Counter, Gauge, type Registry } from 'prom-client'
import { driftKinds, states } from '../../src/confinement/state.js'
import type { DenialRows } from '../hub/denials/denial-rows.js'
import type { ContainerView } from './containers/container-views.js'

/** Registers metrics of how the fleet is confined. Their labels are closed sets: no pod, no workload. */
export function confinementMetrics(
  registry: Registry,
  views: () => readonly ContainerView[],
  denials: Pick<DenialRows, 'totals'>
): void {
  const registers = [registry]
  new Gauge({
    name: 'secco_containers',
    help: 'Running containers by how the kernel confines them.',
    labelNames: ['state'] as const,
    registers,
    collect() {
      this.reset()
      for (const state of states) this.set({ state }, 0)
      for (const { state } of views()) this.inc({ state })
    }
  })
  new Gauge({
    name: 'secco_containers_drifted',
    help: 'Running containers in which declared, on disk and in the kernel disagree, by kind.',
    labelNames: ['kind'] as const,
    registers,
    collect() {
      this.reset()
      for (const kind of driftKinds) this.set({ kind }, 0)
      for (const { drift } of views()) for (const { kind } of drift) this.inc({ kind })
    }
  })
  new Gauge({
    name: 'secco_containers_unprotected',
    help: 'Running containers that a rule would protect but that run without its profile.',
    registers,
    collect() {
      this.set(views().filter(({ unprotected }) => unprotected !== null).length)
    }
  })
  new Gauge({
    name: 'secco_containers_stale',
    help: 'Running containers under an older revision than a new container would get.',
    registers,
    collect() {
      this.set(views().filter(({ stale }) => stale).length)
    }
  })
  new Counter({
    name: 'secco_denials_total',
    help: 'Denied (in audit: logged) syscalls by node and result; expected: denied on purpose.',
    labelNames: ['node', 'answer'] as const,
    registers,
    collect() {
      this.reset()
      for (const { node, answer, count } of denials.totals()) this.inc({ node, answer }, count)
    }
  })
}
