import type { Radius } from '../../webhook/truth/blast-radius.js'

/** By key, with what is alike put together. */
function merged<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  join: (left: Row, right: Row) => Row
): Row[] {
  const all = new Map<string, Row>()
  for (const row of rows) {
    const before = all.get(keyOf(row))
    all.set(keyOf(row), before === undefined ? row : join(before, row))
  }
  return [...all.values()].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1))
}

/** The answers of several hubs as one: each speaks of what its own satellites see. Pure. */
export function mergeRadius(answers: readonly Radius[]): Radius {
  const [first] = answers
  if (first !== undefined && answers.length === 1) return first
  const sum = (of: (one: Radius) => number): number =>
    answers.reduce((all, one) => all + of(one), 0)
  const most = <Row extends { containers: number }>(rows: readonly Row[]): Row[] =>
    rows.toSorted((left, right) => right.containers - left.containers)
  return {
    considered: sum((one) => one.considered),
    without: sum((one) => one.without),
    hit: sum((one) => one.hit),
    ms: Math.max(0, ...answers.map(({ ms }) => ms)),
    syscalls: most(
      merged(
        answers.flatMap(({ syscalls }) => syscalls),
        ({ name }) => name,
        (left, right) => ({
          name: left.name,
          containers: left.containers + right.containers,
          calls: left.calls + right.calls
        })
      )
    ),
    workloads: most(
      merged(
        answers.flatMap(({ workloads }) => workloads),
        ({ namespace, workload }) => `${namespace} ${workload}`,
        (left, right) => ({
          ...left,
          containers: left.containers + right.containers,
          calls: left.calls + right.calls,
          syscalls: [...new Set([...left.syscalls, ...right.syscalls])].sort()
        })
      )
    ),
    containers: answers.flatMap(({ containers }) => containers)
  }
}
