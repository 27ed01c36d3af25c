import { isKnownRuntime, knownRuntimes } from '../../../src/seccomp/render/base.js'
import type { RenderOptions } from '../../../src/seccomp/render/render.js'
import type { NodeState } from './node-state.js'

/** FleetParts is what a rendering depends on of the nodes: their runtimes and machines, each once. */
export interface FleetParts {
  runtimes: { name: string; version: string }[]
  machines: string[]
}

type Runtime = FleetParts['runtimes'][number]

/** The most runtimes of one node that count: a real one has an engine, a shim and one or two OCI runtimes. */
const mostRuntimes = 16

export function partsOf(nodes: readonly NodeState[]): FleetParts {
  const runtimes = nodes.flatMap(({ status }) => (status?.runtimes ?? []).slice(0, mostRuntimes))
  const machines = nodes.flatMap(({ status }) => status?.arch ?? '')
  return joinParts([{ runtimes, machines }])
}

const numbersOf = (version: string): string => /^v?(\d+(?:\.\d+){0,3})/.exec(version)?.[1] ?? ''

/**
 * Returns the runtimes that count. One rendering serves the whole fleet, so that one node must not widen it by an invented
 * name or an empty version: a runtime without data counts where no other one is known, and one without a version where no
 * node has a version of it. A known runtime in an old version counts always: the hub cannot know that it is invented.
 */
function counted(runtimes: readonly Runtime[]): Runtime[] {
  const all = runtimes.map(({ name, version }) => ({ name, version: numbersOf(version) }))
  const versioned = new Set(all.filter(({ version }) => version !== '').map(({ name }) => name))
  const hasKnown = all.some(({ name }) => knownRuntimes.includes(name))
  return all
    .filter(({ name }) => isKnownRuntime(name) || !hasKnown)
    .filter(({ name, version }) => version !== '' || !versioned.has(name))
}

/** Joins parts, each once and sorted: equal parts give the same rendering wherever they come from. */
export function joinParts(parts: readonly FleetParts[]): FleetParts {
  const runtimes = new Map<string, { name: string; version: string }>()
  for (const { name, version } of counted(parts.flatMap((one) => one.runtimes))) {
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
