import { plural } from '../../../src/lib/plural.js'
import { type MissingNode, missingNodesNamed, namedMissing } from '../containers/missing-nodes.js'
import type { UnrecordedContainer } from './unrecorded.js'

/** RadiusSummary is the part of a simulation's answer that its summary depends on. */
export interface RadiusSummary {
  considered: number
  without: number
  hit: number
  knownSince: string
  /** Nodes that have not reported what runs there. Absent: from an earlier hub. */
  missingNodes?: number
  /** The nodes that do not report now. Absent: from an earlier hub. */
  notReporting?: readonly Pick<MissingNode, 'name' | 'why' | 'listed'>[]
  /** Containers whose syscalls are not known. Absent: from an earlier hub. */
  unrecorded?: readonly Pick<UnrecordedContainer, 'namespace' | 'workload' | 'name' | 'why'>[]
  /** Syscalls that were denied to them already: a call that a filter denied is in no recording. Absent: from an earlier hub. */
  denied?: readonly string[]
  /** Those of them that would be denied still. */
  still?: readonly string[]
  /** Running containers that would be denied anything. Absent: no profile was simulated, or it is from an earlier hub. */
  affected?: number
  /** Workloads of which only earlier runs used what would be denied. Absent: from an earlier hub. */
  earlier?: number
  /** Workloads whose histories were not read for that. Absent: from an earlier hub. */
  unread?: number
  /** Workloads that used it earlier and may be meant. Absent: from an earlier hub. */
  unplaced?: number
}

/** WorkloadUse is the part of a workload's entry that its words depend on. */
interface WorkloadUse {
  running: boolean
  /** Running containers that used it. */
  containers: number
  certain?: boolean
  lastUsed?: string
  firstUsed?: string
  missingNodes?: number
}

/** Returns whether a workload runs, and when it used what would be denied. */
export function whenWords(use: WorkloadUse): string {
  const { running, containers, certain = true, lastUsed = '', firstUsed = '' } = use
  if (running && containers > 0) return 'runs now'
  const isUnknown = (use.missingNodes ?? 0) > 0
  const state = running ? 'runs now' : isUnknown ? 'not known to run now' : 'not running now'
  const used = certain ? 'used' : 'may have used'
  if (lastUsed !== '') return `${state}; ${used} it last in a run that was seen until ${lastUsed}`
  if (firstUsed !== '') return `${state}; ${used} it first at ${firstUsed}`
  return `${state}; ${used} it in an earlier run`
}

/** Returns the calls that are denied now, and would be under the profile that was simulated. */
export const stillDenied = ({ affected, still = [] }: RadiusSummary): readonly string[] =>
  affected === undefined ? [] : still

/**
 * Returns whether it is certain that nothing would have been denied: every call of every container is known, and none is
 * denied now that would be denied still.
 */
export function isHarmless(radius: RadiusSummary): boolean {
  const { considered, without, hit, knownSince, missingNodes = 0, earlier = 0 } = radius
  const { unread = 0, unplaced = 0 } = radius
  const unknown = without + missingNodes + unread + unplaced
  const isKnown = unknown === 0 && knownSince === ''
  return hit + earlier + stillDenied(radius).length === 0 && isKnown && considered > 0
}

const stillText = (still: readonly string[]): string =>
  `Denied now, and denied still: ${still.join(', ')}.`

/** Returns the figure of a simulation, and its tone: of a call that stays denied it is never that of nothing. */
export function radiusFigure(radius: RadiusSummary): { text: string; tone: 'ok' | 'warn' | 'bad' } {
  const still = stillDenied(radius)
  const containers = Math.max(radius.hit, radius.affected ?? 0)
  if (containers > 0) return { text: String(containers), tone: 'bad' }
  // Those that were denied it have ended.
  if (still.length > 0) return { text: plural(still.length, 'call'), tone: 'bad' }
  return isHarmless(radius) ? { text: '0', tone: 'ok' } : { text: 'not known', tone: 'warn' }
}

/** Returns what would become of the calls that are denied already. */
function deniedWords({ denied = [], still }: RadiusSummary): string[] {
  if (denied.length === 0) return []
  if (still === undefined) return [`What is denied already is not simulated: ${denied.join(', ')}.`]
  const allowed = denied.filter((call) => !still.includes(call))
  return [
    ...(allowed.length === 0 ? [] : [`Denied now, and allowed then: ${allowed.join(', ')}.`]),
    ...(still.length === 0 ? [] : [stillText(still)])
  ]
}

/** Returns what is known of earlier runs. */
function earlierWords({ earlier = 0, unread = 0, unplaced = 0 }: RadiusSummary): string[] {
  const listed = `${plural(earlier, 'workload is', 'workloads are')} listed because of earlier runs.`
  const histories = plural(unread, 'history of a workload was', 'histories of workloads were')
  const others = plural(unplaced, 'workload that does', 'workloads that do')
  const meant = unplaced === 1 ? 'it is meant' : 'they are meant'
  const open = `${others} not run used it, or may have: whether ${meant} is not known.`
  return [
    ...(earlier === 0 ? [] : [listed]),
    ...(unread === 0 ? [] : [`${histories} not read.`]),
    ...(unplaced === 0 ? [] : [open])
  ]
}

/** Returns the sentence about containers whose syscalls are not known, with the first of them by name. */
function unrecordedWords({ considered, without, unrecorded = [] }: RadiusSummary): string[] {
  if (without === 0) return []
  const some = plural(without, `${considered === 0 ? '' : 'more '}running container`)
  const containers = unrecorded.map(({ namespace, workload, name, why }) => {
    return { name: `${namespace}/${workload} ${name}`, why }
  })
  const names = namedMissing(containers, without)
  return [`The syscalls of ${some} are not known${names === '' ? '' : `: ${names}`}.`]
}

/** Returns the sentences about nodes: those of which nothing is known, and those that do not report now. */
function nodeWords({ missingNodes = 0, notReporting = [] }: RadiusSummary): string[] {
  const away = namedMissing(notReporting.filter(({ listed }) => listed))
  return [
    ...(missingNodes === 0 ? [] : [`${missingNodesNamed(missingNodes, notReporting)}.`]),
    ...(away === '' ? [] : [`Containers of these nodes are as they last reported: ${away}.`])
  ]
}

/** Returns the sentences about a simulation: what stays denied, what would have been denied, and what is not known. */
export function radiusWords(radius: RadiusSummary): string[] {
  const still = stillDenied(radius)
  // What stays denied comes first: it is no detail of a simulation in which nothing else is denied.
  return still.length === 0
    ? sentencesOf(radius)
    : [stillText(still), ...sentencesOf(radius).filter((one) => one !== stillText(still))]
}

function sentencesOf(radius: RadiusSummary): string[] {
  const { considered, without, hit, knownSince, missingNodes = 0, denied = [] } = radius
  const some = plural(considered, 'running container')
  const limits = [
    ...nodeWords(radius),
    ...(knownSince === '' ? [] : [`Calls before ${knownSince} are not known of every container.`]),
    ...unrecordedWords(radius),
    ...earlierWords(radius),
    ...deniedWords(radius)
  ]
  const isWhole = knownSince === '' && missingNodes === 0
  if (considered === 0 && without === 0)
    return [`No ${isWhole ? 'running' : 'known'} container is affected.`, ...limits]
  if (considered === 0) return limits
  if (hit > 0) return [`${hit} of ${some} would have had denials.`, ...limits]
  const nothing = denied.length === 0 ? 'Nothing' : 'Nothing else'
  const what = isWhole ? nothing : `${nothing} of what is known`
  return [`${what} would have been denied to ${some}.`, ...limits]
}
