import { runOf } from '../../../src/api/instance-id.js'
import type { Observation } from '../../../src/api/gen/hub.js'
import { isTime } from '../../../src/history/times.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import { isEnd } from '../../../src/history/endings.js'
import type { ObservationFinding } from './read-observation.js'

/** DiscoveryEvent is an event of one instance of a workload: it began, used a new syscall, or ended. */
export interface DiscoveryEvent {
  /** The time (RFC 3339) by the clock of the node. */
  at: string
  instance: string
  node: string
  part: string
  /** One of `knownEvents`, `killed SIGSEGV`; `found`: its start was not seen; `new` when there were only new syscalls. */
  what: string
  /** Syscalls that are new to the workload: at most 24; `count` is exact. */
  names: string[]
  count: number
  /** Distinct syscalls of this instance, and of all instances, after the event. */
  own: number
  all: number
}

/** WorkloadDiscovery is what the hub remembers of the discovery of a workload. */
interface WorkloadDiscovery {
  events: readonly DiscoveryEvent[]
  /** Calls by syscall, of all instances that are remembered. */
  counts: ReadonlyMap<string, number>
}

/**
 * Discovery records when each instance first used each syscall, and how often. The store does not have this: profiles
 * keep sets, not numbers. It is bounded; after a restart only what `saved` returned remains.
 */
export interface Discovery {
  note: (observation: Observation, finding: ObservationFinding) => void
  of: (namespace: string, name: string) => WorkloadDiscovery
  /** Returns the number of observations that were noted: counts change without a change of any object. */
  noted: () => number
  /** Returns what is to be saved, workload after workload. */
  saved: () => Iterable<[string, SavedDiscovery[string]]>
}

/** By instance, because an instance that still runs reports all its calls again. */
interface SavedInstance {
  counts: Record<string, number>
  events: string[]
}

export type SavedDiscovery = Record<
  string,
  {
    events: DiscoveryEvent[]
    /** Calls of instances that are no longer remembered one by one. */
    counts: Record<string, number>
    instances: Record<string, SavedInstance>
  }
>

interface DiscoveredInstance {
  counts: Map<string, number>
  events: Set<string>
}

interface Entry {
  events: DiscoveryEvent[]
  all: Set<string>
  /** Calls by instance and syscall; those of the oldest instances are added to `gone`. */
  instances: Map<string, DiscoveredInstance>
  gone: Map<string, number>
}

const mostEvents = 200
const mostInstances = 16
const mostWorkloads = 5000
const namesShown = 24

const none: WorkloadDiscovery = { events: [], counts: new Map() }

/** Returns how often each of `names` was called: a call that never succeeded is none of the workload's. */
function countsOf(observation: Observation, names: ReadonlySet<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { name, count } of observation.abis.flatMap(({ syscalls }) => syscalls)) {
    if (names.has(name)) counts.set(name, (counts.get(name) ?? 0) + count)
  }
  return counts
}

function foldOldest(entry: Entry): void {
  for (const [id, { counts }] of entry.instances) {
    if (entry.instances.size <= mostInstances) return
    for (const [name, count] of counts) entry.gone.set(name, (entry.gone.get(name) ?? 0) + count)
    entry.instances.delete(id)
  }
}

function entryOf(saved: SavedDiscovery[string] | undefined): Entry {
  const gone = new Map(Object.entries(saved?.counts ?? {}))
  const instances = new Map(
    Object.entries(saved?.instances ?? {}).map(
      ([id, { counts, events }]): [string, DiscoveredInstance] => [
        id,
        { counts: new Map(Object.entries(counts)), events: new Set(events) }
      ]
    )
  )
  const all = new Set(gone.keys())
  for (const { counts } of instances.values()) for (const name of counts.keys()) all.add(name)
  return { events: saved?.events ?? [], all, instances, gone }
}

const savedInstance = ({ counts, events }: DiscoveredInstance): SavedInstance => ({
  counts: Object.fromEntries(counts),
  events: [...events]
})

function savedEntry({ events, gone, instances }: Entry): SavedDiscovery[string] {
  const own = [...instances].map(([id, one]): [string, SavedInstance] => [id, savedInstance(one)])
  return { events, counts: Object.fromEntries(gone), instances: Object.fromEntries(own) }
}

/** Returns when the last process of the container ended; undefined where its node did not see that. */
const endOf = ({ endedAt }: Observation): string | undefined =>
  endedAt !== undefined && isTime(endedAt) ? endedAt : undefined

/** Creates a discovery. @param saved what an earlier hub remembered */
export function createDiscovery(saved: SavedDiscovery = {}): Discovery {
  const entries = new Map(Object.entries(saved).map(([key, one]) => [key, entryOf(one)]))
  let noted = 0

  function sumOf(entry: Entry): Map<string, number> {
    const sum = new Map(entry.gone)
    for (const { counts } of entry.instances.values()) {
      for (const [name, count] of counts) sum.set(name, (sum.get(name) ?? 0) + count)
    }
    return sum
  }

  return {
    note(observation, finding) {
      noted += 1
      const key = profileKey(finding.target.ref.namespace, finding.target.ref.name)
      const entry = entries.get(key) ?? entryOf(undefined)
      entries.set(key, entry)
      if (entries.size > mostWorkloads) {
        const [oldest] = entries.keys()
        if (oldest !== undefined) entries.delete(oldest)
      }
      const known = entry.instances.get(finding.id)
      const instance = known ?? { counts: new Map<string, number>(), events: new Set<string>() }
      const names = new Set(Object.values(finding.set).flat())
      const now = countsOf(observation, names)
      // Counts are cumulative: an older message that arrives late has nothing new.
      const counts = new Map(instance.counts)
      for (const [name, count] of now) counts.set(name, Math.max(count, counts.get(name) ?? 0))
      const fresh = [...names].filter((name) => !entry.all.has(name)).sort()
      const what = finding.events.filter((event) => !instance.events.has(event))
      // A satellite that starts again reports the same run under another id.
      const isKnownRun = [...entry.instances.keys()].some((id) => runOf(id) === runOf(finding.id))
      if (!isKnownRun && !what.includes('start') && finding.part === 'entry') what.unshift('found')
      for (const name of fresh) entry.all.add(name)
      entry.instances.set(finding.id, { counts, events: new Set([...instance.events, ...what]) })
      foldOldest(entry)
      const base = {
        ...{ instance: finding.id, node: finding.id.split('/')[0] ?? '', part: finding.part },
        ...{ own: names.size, all: entry.all.size }
      }
      const at =
        known === undefined && finding.firstSeen !== '' ? finding.firstSeen : finding.lastSeen
      const list = what.length === 0 && fresh.length > 0 ? ['new'] : what
      for (const [index, each] of list.entries()) {
        const first = index === 0
        entry.events.push({
          ...base,
          at: isEnd(each) ? (endOf(observation) ?? at) : at,
          what: each,
          names: first ? fresh.slice(0, namesShown) : [],
          count: first ? fresh.length : 0
        })
      }
      if (entry.events.length > mostEvents) entry.events.splice(0, entry.events.length - mostEvents)
    },
    of(namespace, name) {
      const entry = entries.get(profileKey(namespace, name))
      if (entry === undefined) return none
      // Lists of workloads read only the events, so counts are added up on demand.
      return {
        events: entry.events,
        get counts() {
          return sumOf(entry)
        }
      }
    },
    noted: () => noted,
    *saved() {
      for (const [key, entry] of [...entries]) yield [key, savedEntry(entry)]
    }
  }
}
