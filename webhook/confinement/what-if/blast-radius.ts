import { machine } from 'node:os'
import type { LinuxSeccomp, SeccompSyscall } from '../../../src/api/seccomp-profile.js'
import { laterTime } from '../../../src/history/times.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { filterInSlices } from '../../../src/lib/slices.js'
import { ownDigestsWith } from '../../../src/rules/digest-prefix.js'
import { parseSelector } from '../../../src/rules/parse-selector.js'
import { selectorMatches } from '../../../src/rules/selector.js'
import { abisOfMachine } from '../../../src/syscalls/abi.js'
import { rowWords } from '../../hub/nodes/used-sets.js'
import { addDenied, deniedAlready, prospectsOf } from './denied-already.js'
import { simulate, type WouldBeDenied } from './simulate.js'
import type { Trial } from './simulation-plan.js'
import type { Confinement } from '../containers/confinement.js'
import { isReachedBy } from '../containers/container-view.js'
import { type MissingNode, nodeCoverage } from '../containers/missing-nodes.js'
import { type UnrecordedContainer, unrecordedOf } from './unrecorded.js'

export interface RadiusQuestion {
  seccomp?: LinuxSeccomp
  deny?: readonly SeccompSyscall[]
  /** Only containers of this profile, `namespace/name`. */
  profile?: string
  namespace?: string
  selector?: string
  /** Only containers of namespaces in which this is true; default: all. */
  sees?: (namespace: string) => boolean
  /** At most this many containers are listed; all are counted. */
  limit?: number
}

export interface RadiusContainer {
  key: string
  node: string
  namespace: string
  workload: string
  name: string
  pod: string
  since: string
  denied: WouldBeDenied[]
}

/** RunningRadius is what would be denied to running containers. */
export interface RunningRadius {
  /** Running containers with known syscalls. */
  considered: number
  /** RFC 3339. Of some of them earlier calls are not known; empty: all were recorded from their first instruction. */
  knownSince: string
  /** Number of running containers whose syscalls are not known. */
  without: number
  /** Those containers, each with the reason; at most as many as containers are listed. */
  unrecorded: UnrecordedContainer[]
  /** Nodes that have not reported what runs there: its containers are in no number. */
  missingNodes: number
  /** The nodes that do not report now, at most 100; of those the ones that the person may know of. */
  notReporting: MissingNode[]
  hit: number
  /**
   * Calls that are denied to them already, sorted, in the syntax of `secco denials allow`: such calls are in no recording.
   * For a profile, also those of its containers that have ended.
   */
  denied: string[]
  /** Those of them that would be denied still. */
  still: string[]
  /**
   * Running containers that would be denied what they used, or are denied a call that would be denied still. Absent where no
   * profile is simulated: what denies more calls allows none of those.
   */
  affected?: number
  ms: number
  syscalls: { name: string; containers: number; calls: number }[]
  workloads: {
    namespace: string
    workload: string
    containers: number
    calls: number
    syscalls: string[]
  }[]
  containers: RadiusContainer[]
}

const usualLimit = 1000
/** Denials of the listed containers in total. The answer is written as one text, during which nothing else is done. */
const mostListed = 20_000
/** All syscall numbers of the three ABIs of a machine. */
const mostDenied = 3 * rowWords * 32

/** Returns whether a simulation is about a container, by the container's key. */
export function wantedBy(
  { views }: Confinement,
  question: RadiusQuestion
): (id: string) => boolean {
  const { namespace, profile, sees = () => true } = question
  const selector = question.selector === undefined ? undefined : parseSelector(question.selector)
  return (id) => {
    const view = views.peek(id)
    if (view === undefined || !sees(view.namespace)) return false
    if (namespace !== undefined && view.namespace !== namespace) return false
    if (profile !== undefined && !isReachedBy(view, profile)) return false
    return selector === undefined || selectorMatches(selector, views.labelsOf(id))
  }
}

function newWorkload({ namespace, workload }: Pick<RadiusContainer, 'namespace' | 'workload'>) {
  return {
    ...{ namespace, workload, containers: 0, calls: 0 },
    ...{ syscalls: [] as string[], names: new Set<string>() }
  }
}

/** Returns what a question tries, on this machine. */
function trialOf({ seccomp, deny }: RadiusQuestion): Trial {
  const [native = 'x86_64'] = abisOfMachine(machine())
  return {
    native,
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(deny === undefined ? {} : { deny })
  }
}

type UnknownPart = Pick<RunningRadius, 'without' | 'unrecorded' | 'missingNodes' | 'notReporting'>

/** Returns what a simulation tells nothing about: containers of these keys, and nodes that do not report. */
function unknownOf(
  confinement: Confinement,
  { limit = usualLimit, sees = () => true }: RadiusQuestion,
  { places, keys }: { places: Iterable<string>; keys: readonly string[] }
): UnknownPart {
  const listed = [...places].map((node) => ({ node }))
  const { missingNodes, notReporting } = nodeCoverage(confinement.sources, listed, sees)
  const unrecorded = unrecordedOf(confinement, keys, limit)
  return { without: keys.length, unrecorded, missingNodes, notReporting }
}

/** Replays the recorded syscalls of running containers and lists what would have been denied. */
export async function blastRadius(
  confinement: Confinement,
  question: RadiusQuestion
): Promise<RunningRadius> {
  const started = performance.now()
  const { views, sources } = confinement
  const { limit = usualLimit } = question
  const wanted = wantedBy(confinement, question)
  const syscalls = new Map<string, { containers: number; calls: number }>()
  const workloads = new Map<string, ReturnType<typeof newWorkload>>()
  const containers: RadiusContainer[] = []
  const hits = new Set<string>()
  let listed = 0
  let knownSince = ''
  const already = await deniedAlready(confinement, question)
  const places = new Set<string>()
  const isMeant = (id: string): boolean => {
    if (!wanted(id)) return false
    places.add(views.peek(id)?.node ?? '')
    return true
  }
  const isConsidered = (id: string): boolean => {
    if (!isMeant(id)) return false
    const { sets } = sources.hub
    const row = sets.rowOf(id)
    if (row !== undefined && !sets.isComplete(row))
      knownSince = laterTime(knownSince, sets.sinceOf(row))
    addDenied(confinement, already, id)
    return true
  }
  const counts = new Float64Array(mostDenied)
  const { considered } = await simulate(
    sources.hub.sets,
    trialOf(question),
    isConsidered,
    (id, row, denials) => {
      const view = views.peek(id)
      if (view === undefined) return
      hits.add(id)
      const place = `${view.namespace} ${view.workload}`
      const own = workloads.get(place) ?? newWorkload(view)
      own.containers += 1
      const seen = new Set<string>()
      sources.hub.sets.countsOf(row, denials, counts)
      for (const [at, { syscall }] of denials.entries()) {
        const count = counts[at] ?? 0
        const sum = syscalls.get(syscall) ?? { containers: 0, calls: 0 }
        if (!seen.has(syscall)) sum.containers += 1
        seen.add(syscall)
        sum.calls += count
        own.calls += count
        own.names.add(syscall)
        syscalls.set(syscall, sum)
      }
      workloads.set(place, own)
      if (containers.length >= limit || listed > mostListed) return
      listed += denials.length
      const { key, node, workload, name, pod } = view
      const since = sources.hub.sets.sinceOf(row)
      const denied = denials.map(({ abi, syscall, argument, certain }, at): WouldBeDenied => {
        return { abi, syscall, argument, count: counts[at] ?? 0, certain }
      })
      containers.push({ key, node, namespace: view.namespace, workload, name, pod, since, denied })
    }
  )
  // Those with a row are considered above: each container is looked at once.
  const isWithout = (id: string) => sources.hub.sets.rowOf(id) === undefined && isMeant(id)
  const others = await filterInSlices([...sources.hub.inventory.all()], ({ id }) => isWithout(id))
  for (const { id } of others) addDenied(confinement, already, id)
  return {
    ...{ considered, hit: hits.size, knownSince },
    ...unknownOf(confinement, question, { places, keys: others.map(({ id }) => id) }),
    ...(await prospectsOf(already, hits, question.seccomp)),
    ms: Math.round((performance.now() - started) * 10) / 10,
    ...sumsOf(syscalls, workloads),
    containers
  }
}

/** Returns the sums by syscall and by workload, those of most containers first. */
function sumsOf(
  syscalls: ReadonlyMap<string, { containers: number; calls: number }>,
  workloads: ReadonlyMap<string, ReturnType<typeof newWorkload>>
): Pick<RunningRadius, 'syscalls' | 'workloads'> {
  return {
    syscalls: [...syscalls]
      .map(([name, sum]) => ({ name, ...sum }))
      .sort((a, b) => b.containers - a.containers || (a.name < b.name ? -1 : 1)),
    workloads: [...workloads.values()]
      .map(({ names, ...one }) => ({ ...one, syscalls: [...names].sort() }))
      .sort((a, b) => b.containers - a.containers || (a.workload < b.workload ? -1 : 1))
  }
}

/**
 * Returns the profile of a revision that is named `profile` or `profile@digest`; of the digest a prefix is enough, as
 * `secco ps` shows it. @throws SeccoError NOT_FOUND
 */
export async function revisionOfText(
  confinement: Confinement,
  text: string
): Promise<LinuxSeccomp> {
  const at = text.lastIndexOf('@')
  const key = at < 0 ? text : text.slice(0, at)
  const { hub } = confinement.sources
  const profile = confinement.profile(key)
  const state = hub.profiles().get(key)
  const named =
    at < 0 || profile === undefined ? [] : ownDigestsWith(profile, text.slice(at + 1), state)
  if (named.length > 1) {
    throw new SeccoError('NOT_FOUND', `${text}: more than one revision has this prefix`, {
      hint: 'give more digits of it: `secco ps -o json` has all of them'
    })
  }
  const digest = at < 0 ? state?.enforce?.digest : named[0]
  const bytes = digest === undefined ? undefined : await hub.bytes(digest)
  if (bytes !== undefined) return JSON.parse(bytes.toString()) as LinuxSeccomp
  throw new SeccoError('NOT_FOUND', `${text}: this revision does not exist`, {
    hint: 'list the approved profiles, which have revisions: `secco get profiles -A -o wide`'
  })
}
