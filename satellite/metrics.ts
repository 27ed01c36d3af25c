import { Counter, Gauge, Registry } from 'prom-client'
import type { NodeStatus } from '../src/api/gen/hub.js'
import { nodeConditionReasons } from '../src/api/node-condition-reasons.js'
import { version } from '../src/lib/version.js'

/** The state that metrics and health checks read. */
export interface SatelliteState {
  status(): NodeStatus
  connected(): boolean
  /** Observations that the hub has not acked. */
  waiting(): number
  /** Revisions whose files are on this node, verified. */
  held(): number
}

/** Label values for the kinds of loss. Labels have to be a closed set. */
const kinds = {
  tableFull: 'table_full',
  unknownSyscalls: 'unknown_syscalls',
  recursionMisses: 'recursion_misses',
  unidentified: 'unidentified',
  details: 'details',
  missed: 'missed',
  givenUp: 'given_up'
} as const

/** Also a closed set. */
const conditionTypes = [...new Set(nodeConditionReasons.map(({ type }) => type))]
  // The hub sets it: secco_node_holds_up_profiles counts what it is about.
  .filter((type) => type !== 'RevisionsHeld')

/** Returns the satellite's metrics. They are read on request, and none is per pod or container. */
export function satelliteMetrics(state: SatelliteState): Registry {
  const registry = new Registry()
  const registers = [registry]
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      }
    })
  gauge('secco_satellite_hub_connected', '1 while the stream to the hub is up.', () =>
    state.connected() ? 1 : 0
  )
  gauge('secco_satellite_recording', '1 while the recorder is attached.', () =>
    state.status().attached ? 1 : 0
  )
  gauge(
    'secco_satellite_observations_waiting',
    'Observations that the hub has not acknowledged.',
    () => state.waiting()
  )
  gauge('secco_satellite_revisions_held', 'Revisions whose files are on this node, verified.', () =>
    state.held()
  )
  new Counter({
    name: 'secco_satellite_losses_total',
    help: 'What was recorded and could not be kept, by kind.',
    labelNames: ['kind'] as const,
    registers,
    collect() {
      this.reset()
      const losses = state.status().losses
      for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
        this.inc({ kind: kinds[kind] }, losses?.[kind] ?? 0)
      }
    }
  })
  new Gauge({
    name: 'secco_satellite_complaints',
    help: 'Conditions of this node that are False, by type.',
    labelNames: ['type'] as const,
    registers,
    collect() {
      const wrong = state.status().conditions.filter(({ status }) => status === 'False')
      for (const type of conditionTypes) {
        this.set({ type }, wrong.filter((one) => one.type === type).length)
      }
    }
  })
  new Gauge({
    name: 'secco_build_info',
    help: 'Always 1; the version is in the label.',
    labelNames: ['version'] as const,
    registers
  }).set({ version }, 1)
  return registry
}
