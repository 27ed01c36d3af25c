import { Gauge, type Registry } from 'prom-client'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'

/** States of a profile on its way to the nodes; a closed set. */
const states = ['unapproved', 'waiting', 'ready'] as const

function stateOf({ status }: SeccompProfile): (typeof states)[number] {
  if (status?.revision === undefined) return 'unapproved'
  const { nodes } = status
  return nodes !== undefined && nodes.ready >= nodes.total ? 'ready' : 'waiting'
}

/** Registers the number of profiles in each state. */
export function profileMetrics(
  registry: Registry,
  profiles: () => readonly SeccompProfile[]
): void {
  new Gauge({
    name: 'secco_profiles',
    help: 'Profiles: unapproved have no revision, waiting ones lack a node, ready ones are on every node.',
    labelNames: ['state'] as const,
    registers: [registry],
    collect() {
      this.reset()
      for (const state of states) this.set({ state }, 0)
      for (const profile of profiles()) this.inc({ state: stateOf(profile) })
    }
  })
}
