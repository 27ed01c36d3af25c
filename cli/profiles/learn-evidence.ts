import { runOf } from '../../src/api/instance-id.js'
import { plural } from '../../src/lib/plural.js'
import {
  entryInstances,
  failedRuns,
  openEntries
} from '../../src/seccomp/review/counted-instances.js'
import type { Instance } from '../../src/seccomp/review/evidence-item.js'
import { evidenceOf } from '../../src/seccomp/review/evidence.js'
import { lossEvidence } from '../../src/seccomp/review/lost-calls.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { isRecording } from '../../webhook/views/node-problems.js'
import type { Recorded } from '../../webhook/hub/hub-types.js'
import { lossesOfNodes, type NodeView } from '../../webhook/views/view.js'
import { notWritten } from './learn-recorded.js'
import type { Doubt } from './learn-state.js'
import type { RunCoverage, SeenContainer } from './run-watch.js'

/** RunFacts is what is known of the workload before, during and after the test command. */
export interface RunFacts {
  /** `namespace/name`. */
  key: string
  before: SeccompProfile | undefined
  after: SeccompProfile | undefined
  /** Containers that were learned into the profile and ran during the command. */
  seen: readonly SeenContainer[]
  /** Which nodes were away. */
  coverage: RunCoverage
  /** Why the hub was not heard all the time; undefined: it was. */
  hubAway: string | undefined
  /** What the store lacked after everything was asked for; undefined: this hub cannot be asked. */
  recorded: Recorded | undefined
  /** Undefined where the user may not list nodes. */
  nodesBefore: readonly NodeView[] | undefined
  nodesAfter: readonly NodeView[] | undefined
  /** What the nodes had sent when the command began. */
  recordedBefore: Recorded | undefined
  /** Other names that may have been meant. */
  near: readonly string[]
}

/** The report of a container that was not seen to run comes by then, and that of one that was by the later time. */
const soonMs = 5000
const lateMs = 30_000

/** Of the id of a container, as the hub keeps it with a run. */
const idLength = 128

const toNodes = 'see `secco get nodes -o wide` for the reason, and run the command again'

/** Returns the boot of the node on which an instance ran: a container does not outlive it. */
const bootOf = ({ id }: Instance): string => runOf(id).slice(0, runOf(id).lastIndexOf('/'))

/**
 * Returns the instances of entry points that were recorded in the run: those that are new or were reported again, and those
 * that were open all the time on a node where a container of the workload ran.
 */
export function instancesOfRun({ before, after, seen, recordedBefore }: RunFacts): Instance[] {
  if (after === undefined) return []
  const known = new Map((before?.status?.instances ?? []).map((one) => [one.id, one]))
  const all = after.status?.instances ?? []
  const newest = new Map<string, Instance>()
  for (const one of all) {
    const last = newest.get(one.node)
    if (last === undefined || one.lastSeen > last.lastSeen) newest.set(one.node, one)
  }
  const nodes = new Set(seen.map(({ node }) => node))
  const open = new Set(
    openEntries(all).filter((one) => {
      const last = newest.get(one.node)
      return nodes.has(one.node) && last !== undefined && bootOf(last) === bootOf(one)
    })
  )
  // A node that had not sent everything may report late what ended before the command began.
  const unsent = recordedBefore?.nodes.filter(({ state }) => state !== 'sent') ?? []
  const isLate = ({ id, node, ended }: Instance): boolean =>
    ended && !known.has(id) && unsent.some(({ name }) => name === node)
  const isOfRun = (one: Instance): boolean => {
    const was = known.get(one.id)
    return was?.ended !== true && JSON.stringify(was) !== JSON.stringify(one) && !isLate(one)
  }
  return entryInstances(after).filter((one) => open.has(one) || isOfRun(one))
}

const meant = (near: readonly string[]): string =>
  near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`

/** Returns the namespace of a key, for `-n`. */
const spaceOf = (key: string): string => key.slice(0, key.indexOf('/'))

const unknownName = (key: string, near: readonly string[]): Doubt => ({
  reason: `no profile has the name ${key}, and no container is learned into it${meant(near)}`,
  next: `see the names: \`secco get profiles -n ${spaceOf(key)}\``,
  waitMs: soonMs
})

/** Explains that a node of the run cannot be asked now; undefined when all are connected. */
function notConnected(
  key: string,
  recorded: Recorded | undefined,
  nodes: ReadonlySet<string>
): Doubt | undefined {
  const connected = new Set(recorded?.nodes.map(({ name }) => name))
  const away = recorded && [...nodes].find((name) => !connected.has(name))
  if (away === undefined) return undefined
  const reason = `node ${away} is away, so what ${key} called there last is not known`
  return { reason, next: toNodes, waitMs: lateMs }
}

/** Explains that a run failed under the profile that it ran with: what it would have called later is not known. */
export function failedInRun({
  key,
  before,
  after
}: Pick<RunFacts, 'key' | 'before' | 'after'>): Doubt | undefined {
  const known = failedRuns(before?.status?.instances ?? [])
  const failed = [...failedRuns(after?.status?.instances ?? [])].filter((run) => !known.has(run))
  if (failed.length === 0) return undefined
  const which = failed.length === 1 ? 'a container' : plural(failed.length, 'container')
  return {
    reason: `${which} of ${key} failed under its profile in this run, so what it would have called is not known`,
    next: `see what was denied: \`secco denials -n ${spaceOf(key)}\``,
    waitMs: 0,
    hasFailed: true
  }
}

/** Returns a container that ran and of which no run was recorded: one recorded container says nothing about another one. */
function unheardOf(
  { seen, recorded }: RunFacts,
  of: readonly Instance[]
): SeenContainer | undefined {
  const runs = new Set(of.map(({ id }) => runOf(id)))
  const free = (recorded?.runs ?? []).filter(({ run }) => runs.has(run))
  return seen.find(({ node, id }) => {
    const at = free.findIndex((one) => one.node === node && one.container === id.slice(0, idLength))
    if (at >= 0) free.splice(at, 1)
    return at < 0
  })
}

/** Explains that nodes do not report now, or did not for a time: a container of the workload may have run there. */
function nodesAway({ key, coverage, nodesBefore, nodesAfter }: RunFacts): Doubt | undefined {
  const { away, missing, awayOnce } = coverage
  if (missing > 0) {
    const [name] = away
    const who = name === undefined ? plural(missing, 'node') : `node ${name}`
    const verb = name === undefined && missing > 1 ? 'do' : 'does'
    const reason = `${who} ${verb} not report, so whether ${key} ran there is not known`
    return { reason, next: toNodes, waitMs: lateMs }
  }
  const before = new Map(nodesBefore?.map(({ name, gaps }) => [name, gaps]))
  const hasNewGap = ({ name, gaps }: NodeView): boolean =>
    gaps.some(({ to }) => !before.get(name)?.some((one) => one.to === to))
  const unknown = awayOnce.find((name) => {
    const now = nodesAfter?.find((one) => one.name === name)
    return now === undefined || !before.has(name) || hasNewGap(now)
  })
  if (unknown === undefined) return undefined
  const reason = `node ${unknown} was away during the run, so what ${key} called there then is not known`
  return { reason, next: toNodes, waitMs: 0 }
}

/**
 * Explains why nothing of the workload was recorded; undefined when something was. A run that failed comes first: it is the
 * cause of what else is missing, which is waited for as long.
 */
export function notRecorded(facts: RunFacts): Doubt | undefined {
  const doubt = notHeard(facts)
  const failed = failedInRun(facts)
  return failed === undefined ? doubt : { ...failed, waitMs: doubt?.waitMs ?? 0 }
}

function notHeard(facts: RunFacts): Doubt | undefined {
  const { key, after, seen, near, hubAway, recorded } = facts
  if (hubAway !== undefined) {
    const next = 'see whether the hub stays up (`secco doctor`), then run the command again'
    return { reason: hubAway, next, waitMs: 0 }
  }
  const of = instancesOfRun(facts)
  const known = new Set(facts.before?.status?.instances?.map(({ id }) => id))
  const fresh = (after?.status?.instances ?? []).filter(({ id }) => !known.has(id))
  const nodes = new Set([...seen, ...of, ...fresh].map(({ node }) => node))
  const unwritten =
    after && (notConnected(key, recorded, nodes) ?? notWritten(key, recorded, nodes))
  if (unwritten !== undefined) return unwritten
  const unheard = unheardOf(facts, of)
  if (unheard !== undefined) {
    const { name, node } = unheard
    return {
      reason: `container ${name} of ${key} ran on ${node}, and nothing was recorded of it`,
      next: 'see whether the node records: `secco get nodes -o wide`',
      waitMs: lateMs
    }
  }
  if (of.length > 0) return undefined
  if (after === undefined) return unknownName(key, near)
  return {
    reason: `no container of ${key} was recorded during the command: all that is known of it is from before`,
    next: 'let the command start the container while its node records',
    waitMs: soonMs
  }
}

const kinds = ['tableFull', 'unknownSyscalls', 'recursionMisses', 'unidentified'] as const
const rest = ['missed', 'givenUp'] as const

/** Returns whether a loss was counted since. A count that is less than before began again: all of it is of the run. */
const hasLost = (now: number, before: number): boolean => now > (now < before ? 0 : before)

/** Returns the nodes that counted a loss during the run; it may be of the workload. */
function lossyNodes({ nodesBefore = [], nodesAfter = [] }: RunFacts, names: Set<string>): string[] {
  const before = new Map(nodesBefore.map((node) => [node.name, node]))
  return nodesAfter
    .filter(({ name, losses }) => {
      const was = before.get(name)?.losses
      return (
        names.has(name) &&
        [...kinds, ...rest].some((kind) => hasLost(losses[kind], was?.[kind] ?? 0))
      )
    })
    .map(({ name }) => name)
}

/** Explains why what was recorded in the run is not complete; undefined when it is. */
export function notComplete(facts: RunFacts): Doubt | undefined {
  const { key, seen, nodesAfter } = facts
  const of = instancesOfRun(facts)
  const partial = of.filter(({ complete }) => !complete)
  if (partial.length > 0) {
    const which = `${partial.length} of ${plural(of.length, 'instance')}`
    return {
      reason: `${which} of ${key} in this run ${partial.length === 1 ? 'was' : 'were'} not recorded from the first instruction`,
      next: 'start the container in the command, or restart it before, while its node records',
      waitMs: 0
    }
  }
  const lost = lossEvidence(of, nodesAfter && lossesOfNodes(nodesAfter))
  const gaps = seen.some((one) => one.hasGap)
  if (!lost.ok || gaps) {
    const detail = lost.ok ? 'calls were not recorded' : lost.detail
    return { reason: `not every call of ${key} was recorded: ${detail}`, next: toNodes, waitMs: 0 }
  }
  const names = new Set(of.map(({ node }) => node))
  const [lossy] = lossyNodes(facts, names)
  if (lossy !== undefined) {
    const reason = `node ${lossy} lost calls during the run, and whose they were is not known`
    return { reason, next: toNodes, waitMs: 0 }
  }
  const absent = nodesAway(facts)
  if (absent !== undefined) return absent
  const silent = nodesAfter?.find((node) => names.has(node.name) && !isRecording(node))
  if (silent !== undefined) {
    const what = silent.connected ? 'does not record' : 'is away'
    const reason = `node ${silent.name} ${what}, so what ${key} called there last is not known`
    return { reason, next: toNodes, waitMs: silent.connected ? 0 : lateMs }
  }
  const running = new Set(seen.filter(({ isRunning }) => isRunning).map(({ node }) => node))
  const lone = openEntries(of).find(({ node }) => !running.has(node))
  if (lone === undefined) return undefined
  return {
    reason: `the end of a container of ${key} on ${lone.node} was not recorded`,
    next: toNodes,
    waitMs: lateMs
  }
}

/** Explains why the records of any time prove nothing, where no command ran; undefined when they do. */
export function doubtWithoutRun(
  facts: {
    key: string
    profile: SeccompProfile | undefined
    nodes: readonly NodeView[] | undefined
    near: readonly string[]
    /** Undefined for a hub that cannot be asked. */
    recorded: Recorded | undefined
  },
  now: number
): Doubt | undefined {
  const { key, profile, nodes, near, recorded } = facts
  if (profile === undefined) return unknownName(key, near)
  const running = openEntries(profile.status?.instances ?? []).map(({ node }) => node)
  const unwritten = notWritten(key, recorded, new Set(running))
  if (unwritten !== undefined) return unwritten
  const found = evidenceOf(profile, now, undefined, nodes && lossesOfNodes(nodes))
  const open = found.find(({ item, ok }) => !ok && ['abis', 'start', 'lost'].includes(item))
  return open && { reason: `${key}: ${open.detail}`, next: open.next ?? '', waitMs: 0 }
}
