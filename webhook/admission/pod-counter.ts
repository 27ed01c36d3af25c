const mostWorkloads = 10_000

/** Returns a function that counts the pods of each workload from 0, in the memory of this process. */
export function createPodCounter(): (workload: string) => number {
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
