const mostWorkloads = 10_000

/** Counts the pods of each workload from 0: in memory, of this process alone. */
export function createTurns(): (workload: string) => number {
  const turns = new Map<string, number>()
  return (workload) => {
    const turn = turns.get(workload) ?? 0
    turns.delete(workload)
    turns.set(workload, turn + 1)
    const [oldest] = turns.keys()
    if (turns.size > mostWorkloads && oldest !== undefined) turns.delete(oldest)
    return turn
  }
}
