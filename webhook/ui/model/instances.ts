import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { runOf } from '../../../src/api/instance-id.js'
import { withoutUnbegun } from '../../../src/seccomp/review/lost-calls.js'
import { keyOf } from './derived.js'
import type { UiSources } from './sources.js'
import type { WorkloadLine } from './workloads.js'

type Instance = NonNullable<NonNullable<SeccompProfile['status']>['instances']>[number]

const beganAt = ({ firstSeen, lastSeen }: Instance): string => firstSeen ?? lastSeen

/** Counts the containers of a profile that each node lists. */
function listedByNode(
  { containers }: Pick<UiSources, 'containers'>,
  key: string
): Map<string, number> {
  const listed = new Map<string, number>()
  for (const { items } of containers()?.groupsOf(key) ?? []) {
    for (const { node } of items.values()) listed.set(node, (listed.get(node) ?? 0) + 1)
  }
  return listed
}

/** Returns the newest record of each run of the entry point on a node whose end nobody reported, the newest run first. */
function openRuns(instances: readonly Instance[], on: string): Instance[] {
  const runs = new Map<string, Instance>()
  const own = instances.filter(({ node, part }) => node === on && (part ?? 'entry') === 'entry')
  for (const one of own) {
    const known = runs.get(runOf(one.id))
    if (known === undefined || one.lastSeen > known.lastSeen) runs.set(runOf(one.id), one)
  }
  return [...runs.values()]
    .filter(({ ended }) => !ended)
    .sort((a, b) => (beganAt(a) < beganAt(b) ? 1 : -1))
}

/**
 * Returns when an instance that runs was last heard of, by its id. An observation comes with a new call only; until its node
 * reports the end of a container, each sign of the node is one of the container as well.
 */
export function heardOf(
  profile: SeccompProfile,
  sources: Pick<UiSources, 'containers' | 'nodes'>
): ReadonlyMap<string, string> {
  const { instances = [] } = profile.status ?? {}
  const heard = new Map<string, string>()
  const listed = listedByNode(sources, keyOf(profile))
  for (const { name, lastSeen } of sources.nodes()) {
    const count = listed.get(name) ?? 0
    for (const one of openRuns(instances, name).slice(0, count))
      heard.set(one.id, lastSeen > one.lastSeen ? lastSeen : one.lastSeen)
  }
  return heard
}

/** Returns how many containers and nodes an approval would reach: those that run. */
export function reachOf(
  line: WorkloadLine,
  { containers }: Pick<UiSources, 'containers'>
): { containers: number; nodes: number } {
  const own = containers()?.usersOf(line.key)
  if (own !== undefined)
    return { containers: own.length, nodes: new Set(own.map(({ node }) => node)).size }
  const open = (line.profile.status?.instances ?? []).filter(({ ended }) => !ended)
  return { containers: line.containers, nodes: new Set(open.map(({ node }) => node)).size }
}

/** Run is one start of a part of a container, joined from all that recorders counted of it. */
export type Run = Instance & {
  /** How many recorders counted it: a restart of Secco makes another one. */
  records: number
}

const partOf = ({ part }: Instance): string => part ?? 'entry'

function joined(run: Run, one: Instance): Run {
  const [older, newer] = run.lastSeen < one.lastSeen ? [run, one] : [one, run]
  const first = beganAt(run) < beganAt(one) ? beganAt(run) : beganAt(one)
  return {
    ...older,
    ...newer,
    firstSeen: first,
    complete: run.complete || one.complete,
    lost: (run.lost ?? 0) + (one.lost ?? 0),
    denied: Math.max(run.denied ?? 0, one.denied ?? 0),
    events: [...new Set([...(older.events ?? []), ...(newer.events ?? [])])],
    records: run.records + 1
  }
}

/**
 * Returns the runs that a profile learned from, the newest first, each with the id of its newest record. A restart of Secco
 * makes a new record and no new run.
 */
export function runsOf(instances: readonly Instance[]): Run[] {
  const runs = new Map<string, Run>()
  for (const one of withoutUnbegun(instances)) {
    const key = `${partOf(one)} ${runOf(one.id)}`
    const known = runs.get(key)
    runs.set(key, known === undefined ? { ...one, records: 1 } : joined(known, one))
  }
  return [...runs.values()].sort((a, b) => (a.lastSeen < b.lastSeen ? 1 : -1))
}
