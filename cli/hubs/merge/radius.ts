import type { Radius, RadiusContainer } from '../../../webhook/confinement/what-if/blast-radius.js'
import { less, once } from './once.js'

const callsOf = ({ denied }: RadiusContainer): number =>
  denied.reduce((sum, { count }) => sum + count, 0)

/** Subtracts a container that two hubs reported from the sums once. */
function without(radius: Radius, one: RadiusContainer): Radius {
  const names = new Set(one.denied.map(({ syscall }) => syscall))
  return {
    ...radius,
    considered: radius.considered - 1,
    hit: radius.hit - 1,
    syscalls: radius.syscalls.map((row) => {
      if (!names.has(row.name)) return row
      const calls = callsOf({
        ...one,
        denied: one.denied.filter(({ syscall }) => syscall === row.name)
      })
      return { ...row, containers: row.containers - 1, calls: row.calls - calls }
    }),
    workloads: radius.workloads.map((row) =>
      row.namespace === one.namespace && row.workload === one.workload
        ? { ...row, containers: row.containers - 1, calls: row.calls - callsOf(one) }
        : row
    )
  }
}

function addRadii(left: Radius, right: Radius): Radius {
  const syscalls = new Map(left.syscalls.map((row) => [row.name, row]))
  for (const row of right.syscalls) {
    const before = syscalls.get(row.name) ?? { containers: 0, calls: 0 }
    const containers = before.containers + row.containers
    syscalls.set(row.name, { name: row.name, containers, calls: before.calls + row.calls })
  }
  const placeOf = (row: Radius['workloads'][number]): string => `${row.namespace} ${row.workload}`
  const workloads = new Map(left.workloads.map((row) => [placeOf(row), row]))
  for (const row of right.workloads) {
    const before = workloads.get(placeOf(row)) ?? { containers: 0, calls: 0, syscalls: [] }
    workloads.set(placeOf(row), {
      ...row,
      containers: before.containers + row.containers,
      calls: before.calls + row.calls,
      syscalls: [...new Set([...before.syscalls, ...row.syscalls])].sort()
    })
  }
  return {
    considered: left.considered + right.considered,
    without: left.without + right.without,
    hit: left.hit + right.hit,
    ms: Math.max(left.ms, right.ms),
    syscalls: [...syscalls.values()],
    workloads: [...workloads.values()],
    containers: [...left.containers, ...right.containers]
  }
}

const nothing: Radius = {
  ...{ considered: 0, without: 0, hit: 0, ms: 0 },
  ...{ syscalls: [], workloads: [], containers: [] }
}

/** Merges answers of `POST /api/v1/simulate` to sums. A container that two hubs list counts once. */
export function mergeRadii(radii: readonly Radius[]): Radius {
  const listed = radii.map(({ containers }) => containers)
  const containers = once(
    listed,
    ({ key }) => key,
    (one, than) => callsOf(one) > callsOf(than)
  )
  const kept = new Set(containers)
  const all = radii.reduce(addRadii, nothing)
  const sums = listed
    .flat()
    .filter((one) => !kept.has(one))
    .reduce(without, all)
  return {
    ...sums,
    containers,
    syscalls: sums.syscalls.sort((a, b) => b.containers - a.containers || less(a.name, b.name)),
    workloads: sums.workloads.sort(
      (a, b) => b.containers - a.containers || less(a.workload, b.workload)
    )
  }
}
