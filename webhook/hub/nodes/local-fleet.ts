import type { RenderOptions } from '../../../src/seccomp/render/render.js'
import type { NodeState } from './nodes.js'
import { type FleetState, readinessOf } from './readiness.js'

/** What a rendering depends on of the nodes: runtimes, each once, and machines. */
export interface FleetParts {
  runtimes: { name: string; version: string }[]
  machines: string[]
}

export function partsOf(nodes: readonly NodeState[]): FleetParts {
  const runtimes = nodes.flatMap(({ status }) => status?.runtimes ?? [])
  const machines = nodes.flatMap(({ status }) => status?.arch ?? '')
  return joinParts([{ runtimes, machines }])
}

/** Each once, sorted: the same parts give the same rendering wherever they come from. */
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

/** The fleet's runtimes and, when all nodes have the same, its machine: part of every rendering. */
export function renderingOf({
  runtimes,
  machines
}: FleetParts): Pick<RenderOptions, 'runtimes' | 'machine'> {
  const [machine] = machines
  return { runtimes, ...(machine !== undefined && machines.length === 1 ? { machine } : {}) }
}

/** A fleet of satellites without a cluster around it: all nodes known, and those whose readiness counts. */
export function localFleet(known: readonly NodeState[], counted: readonly NodeState[]): FleetState {
  return {
    rendering: renderingOf(partsOf(known)),
    readiness: (path) => readinessOf(path, counted)
  }
}
