import { Counter, Gauge, type Registry } from 'prom-client'
import type { NodeView } from '../views/view.js'
import type { RefusalReason } from './stream/refusals.js'

/** Metrics' words for the kinds of loss; a closed set, as labels have to be. */
const kinds = {
  tableFull: 'table_full',
  unknownSyscalls: 'unknown_syscalls',
  recursionMisses: 'recursion_misses',
  unidentified: 'unidentified',
  details: 'details',
  missed: 'missed',
  givenUp: 'given_up'
} as const

/** Registers what is known of the nodes: one series per node and kind, read when somebody asks. */
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
    help: '1 while the recorder of a node is attached: its processes pay for it.',
    labelNames: ['node'] as const,
    registers,
    collect() {
      this.reset()
      for (const { name, attached } of nodes()) this.set({ node: name }, attached ? 1 : 0)
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

/** Registers what the hub refused: one series per reason, from the start, so that a first one shows as a rise. */
export function refusalMetrics(
  registry: Registry,
  refused: () => Readonly<Record<RefusalReason, number>>
): void {
  new Counter({
    name: 'secco_hub_refused_total',
    help: 'Connections, observations and statuses of satellites that were refused, by reason.',
    labelNames: ['reason'] as const,
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of Object.entries(refused())) this.inc({ reason }, count)
    }
  })
}
