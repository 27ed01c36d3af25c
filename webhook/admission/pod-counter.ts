import { createHash } from 'node:crypto'
import { networkOf } from '../../src/lib/network-of.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'

const mostWorkloads = 10_000
const mostCallers = 16
/** The most reviews that are remembered of one answer: a controller creates no more pods at once. */
const mostAtOnce = 64
const mostAnswered = 1000
/** The API server calls all webhooks about a pod within the timeout of a request (10 s by default, 30 s for a webhook). */
const secondReviewMs = 30_000
/** Names of a review may be long: 10,000 of them would be megabytes. */
const longestKey = 256

const keyOf = (workload: string): string =>
  workload.length <= longestKey ? workload : createHash('sha256').update(workload).digest('hex')

/** PodTurns numbers the pods of workloads, so that each takes the next place in a canary. */
export interface PodTurns {
  /**
   * Returns the number of a pod among those of its workload: that of its first review in the second one, else the next.
   * @param carried who sent the pod, and the annotation that it came with; undefined without one
   */
  of(workload: string, carried: string | undefined): number
  /** Notes that an answer gave a pod another annotation than it came with. @param carried as it comes back, if it does */
  gave(workload: string, carried: string, turn: number): void
}

const zero = (): number => 0
/** Of all pods that begin at such a number, a canary of any percentage gets its share. */
const anyTurn = (): number => Math.floor(Math.random() * 100)

/** Returns a function that counts the pods of each workload, in the memory of this process. @param first where it begins */
export function createPodCounter(first: () => number = zero): (workload: string) => number {
  const turns = new Map<string, number>()
  return (workload) => {
    const key = keyOf(workload)
    const turn = turns.get(key) ?? first()
    turns.delete(key)
    turns.set(key, turn + 1)
    dropOldest(turns, mostWorkloads)
    return turn
  }
}

/**
 * Returns the turns of one caller. A review does not say whether it is the second one of its pod: the API server asks again
 * when another webhook changed the pod after the first answer. So what answers changed is remembered for a while, and each
 * change counts for one pod: who writes such an annotation into a template gets no turn by that.
 */
function createPodTurns(next: (workload: string) => number, now: () => number): PodTurns {
  const answered = new Map<string, { turn: number; at: number }[]>()
  const digestOf = (workload: string, carried: string) =>
    createHash('sha256').update(workload).update('\n').update(carried).digest('base64')
  return {
    of(workload, carried) {
      if (carried === undefined) return next(workload)
      const key = digestOf(workload, carried)
      const last = answered.get(key)?.pop()
      if (last !== undefined && now() - last.at <= secondReviewMs) return last.turn
      answered.delete(key)
      return next(workload)
    },
    gave(workload, carried, turn) {
      const key = digestOf(workload, carried)
      const list = answered.get(key) ?? []
      answered.delete(key)
      answered.set(key, [...list.slice(1 - mostAtOnce), { turn, at: now() }])
      dropOldest(answered, mostAnswered)
    }
  }
}

/**
 * Returns a function that returns the turns of a caller. Callers do not move the turns of others: who reaches the port
 * and invents reviews does not choose which pods of the API server get the canary. Once a counter was forgotten for new
 * callers, new ones begin at random: else whoever has enough addresses would give each pod the canary.
 * @param now a monotonic clock, in milliseconds
 */
export function createPodCounters(
  now: () => number = () => performance.now()
): (caller: string) => PodTurns {
  const counters = new Map<string, PodTurns>()
  let first = zero
  return (caller) => {
    // Who has one address of a network of IPv6 has all of them.
    const network = networkOf(caller)
    const counter = counters.get(network) ?? createPodTurns(createPodCounter(first), now)
    counters.delete(network)
    counters.set(network, counter)
    if (counters.size > mostCallers) first = anyTurn
    dropOldest(counters, mostCallers)
    return counter
  }
}
