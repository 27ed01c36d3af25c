import type { RenderOptions } from '../../../src/seccomp/render/render.js'
import type { NodeState } from './nodes.js'
import { type FleetState, readinessOf } from './readiness.js'

/** FleetParts is what a rendering depends on of the nodes: their runtimes and machines, each once. */
export interface FleetParts {
  runtimes: { name: string; version: string }[]
  machines: string[]
}

export function partsOf(nodes: readonly NodeState[]): FleetParts {
  const runtimes = nodes.flatMap(({ status }) => status?.runtimes ?? [])
  const machines = nodes.flatMap(({ status }) => status?.arch ?? '')
  return joinParts([{ runtimes, machines }])
}

/** Joins parts, each once and sorted: equal parts give the same rendering wherever they come from. */
export function joinParts(parts: readonly FleetParts[]): FleetParts {
  const runtimes = new Map<string, { name: string; version: string }>()
  for (const { name, version } of parts.flatMap((one) => one.runtimes)) {
    runtimes.set(`${name}@${version}`, { name, version })
  }
  const machines = new Set(parts.flatMap((one) => one.machines).filter((one) => one !== ''))
  return {
    runtimes: [...runtimes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, runtime]) => runtime),
    machines: [...machines].sort()
  }
}

/** Returns the fleet's runtimes and, when all nodes have the same one, its machine: both are part of every rendering. */
export function renderingOf({
  runtimes,
  machines
}: FleetParts): Pick<RenderOptions, 'runtimes' | 'machine'> {
  const [machine] = machines
  return { runtimes, ...(machine !== undefined && machines.length === 1 ? { machine } : {}) }
}

/** Returns the state of a fleet without a cluster. @param known all nodes @param counted nodes whose readiness counts */
export function localFleet(known: readonly NodeState[], counted: readonly NodeState[]): FleetState {
  return {
    rendering: renderingOf(partsOf(known)),
    readiness: (path) => readinessOf(path, counted)
  }
}
