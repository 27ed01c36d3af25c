import { Counter, Gauge, type Registry } from 'prom-client'
import type { NodeView } from '../views/view.js'
import type { IntakeLoad } from './observations/observation-intake.js'
import type { RejectionReason } from './stream/rejections.js'

/** Label values for the kinds of loss: a closed set, as labels need. */
const kinds = {
  tableFull: 'table_full',
  unknownSyscalls: 'unknown_syscalls',
  recursionMisses: 'recursion_misses',
  unidentified: 'unidentified',
  details: 'details',
  missed: 'missed',
  givenUp: 'given_up'
} as const

/** Registers metrics of the nodes: one series per node and kind, computed when the registry is read. */
export function nodeMetrics(registry: Registry, nodes: () => readonly NodeView[]): void {
  const registers = [registry]
  new Counter({
    name: 'secco_node_losses_total',
    help: 'What a node recorded and could not keep, by kind; restarts with its recorder.',
    labelNames: ['node', 'kind'] as const,
    registers,
    collect() {
      this.reset()
      for (const { name, losses } of nodes()) {
        for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
          this.inc({ node: name, kind: kinds[kind] }, losses[kind])
        }
      }
    }
  })
  new Gauge({
    name: 'secco_node_attached',
    help: '1 while the recorder of a node is attached: its processes pay for it. Absent while the node is away.',
    labelNames: ['node'] as const,
    registers,
    collect() {
      this.reset()
      for (const { name, connected, attached } of nodes()) {
        if (connected) this.set({ node: name }, attached ? 1 : 0)
      }
    }
  })
  new Gauge({
    name: 'secco_node_holds_up_profiles',
    help: 'Profiles that wait for a connected node: it has lacked their revisions for more than 5 minutes.',
    labelNames: ['node'] as const,
    registers,
    collect() {
      this.reset()
      for (const { name, holdsUp } of nodes()) this.set({ node: name }, holdsUp.length)
    }
  })
  new Gauge({
    name: 'secco_node_connected',
    help: '1 while a node has its stream to this hub.',
    labelNames: ['node'] as const,
    registers,
    collect() {
      this.reset()
      for (const { name, connected } of nodes()) this.set({ node: name }, connected ? 1 : 0)
    }
  })
}

/** Registers how far the hub is behind what satellites report. */
export function loadMetrics(registry: Registry, load: () => IntakeLoad): void {
  new Gauge({
    name: 'secco_hub_observations_waiting',
    help: 'Observations that came and are not written yet.',
    registers: [registry],
    collect() {
      this.set(load().waiting)
    }
  })
  new Counter({
    name: 'secco_hub_slowed_total',
    help: 'How often a satellite was slowed down, because more came than the hub could take.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(load().slowed)
    }
  })
}

/** Registers the hub's rejections: one series per reason from the start, so that the first rejection shows as a rise. */
export function rejectionMetrics(
  registry: Registry,
  rejected: () => Readonly<Record<RejectionReason, number>>
): void {
  new Counter({
    name: 'secco_hub_rejected_total',
    help: 'Connections, observations and statuses of satellites that were rejected, by reason.',
    labelNames: ['reason'] as const,
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of Object.entries(rejected())) this.inc({ reason }, count)
    }
  })
}
