import type { LadderMode } from '../../../src/rules/profile-state.js'
import type { ContainerView } from '../containers/container-view.js'
import { type DenialView, denialsOfRun } from './denial-views.js'
import { denialSentence } from './denial-text.js'
import { filterModeOf } from '../containers/filter-mode.js'
import { findContainers, notRunning } from '../containers/container-names.js'
import { unlistedNodes } from '../containers/missing-nodes.js'
import { type EarlierDenial, earlierDenials } from './earlier-denials.js'
import type { Confinement } from '../containers/confinement.js'

const members = [
  ...(['key', 'node', 'namespace', 'workload', 'pod', 'id', 'name', 'why'] as const),
  ...(['state', 'revision', 'denials', 'expected', 'syscalls', 'startedAt', 'since'] as const)
]

/** DeniedContainer identifies a container: a client that may list denials may not be allowed to list containers. */
export type DeniedContainer = Pick<ContainerView, (typeof members)[number]>

/** WhyEperm is the answer of `GET /api/v1/why-eperm`, with a sentence for each denial that was not expected. */
export interface WhyEperm {
  items: {
    container: DeniedContainer
    /** The rule that decided; empty without one. */
    rule: string
    denials: DenialView[]
    words: string[]
    /** RFC 3339. Earlier denials of the container are not known; it may be older. */
    knownSince: string
    /** Why its node may miss its denials: a phrase that follows the node's name. */
    unheard?: string
  }[]
  /** Denials of containers that have ended or just began, newest last. */
  before: (EarlierDenial & { words: string })[]
  /** RFC 3339. The hub does not know earlier denials. */
  knownSince: string
  /** Nodes whose containers are not known: one of this name may run there; absent: from an earlier hub. */
  missingNodes?: number
}

/** Without tp_btf a node cannot read the arguments of denied syscalls. */
function whyPartlyRecording(confinement: Confinement, name: string): string | undefined {
  const node = confinement.sources.hub.nodes().find((one) => one.name === name)
  return node?.status?.hook === 'raw_tp'
    ? 'records no syscall that is denied for its arguments alone (hook raw_tp)'
    : undefined
}

/** Returns since when a container is recorded, in milliseconds; 0: from its first instruction. */
function recordedSince({ sources }: Confinement, { key }: ContainerView): number {
  const { sets } = sources.hub
  const row = sets.rowOf(key)
  if (row !== undefined && sets.isComplete(row)) return 0
  // Without a set no node has reported that it records the container.
  return (row === undefined ? Number.NaN : Date.parse(sets.sinceOf(row))) || sources.now()
}

/** Returns since when a container's denials are known: recorded and reported by its node, and kept by the hub. */
function knownSinceOf(confinement: Confinement, view: ContainerView, mode: LadderMode): string {
  const since = Math.max(
    Date.parse(confinement.sources.hub.denialRows.knownSince(view.namespace)),
    confinement.recording.since(view.node, mode),
    recordedSince(confinement, view)
  )
  return new Date(since).toISOString()
}

function ofRunning(confinement: Confinement, view: ContainerView): WhyEperm['items'][number] {
  const denials = denialsOfRun(confinement, view)
  const mode = filterModeOf(confinement, view)
  const unheard =
    confinement.recording.whyNot(view.node, mode) ?? whyPartlyRecording(confinement, view.node)
  return {
    container: Object.fromEntries(members.map((key) => [key, view[key]])) as DeniedContainer,
    rule: confinement.views.decided(view.key)?.decision.containers[0]?.rule ?? '',
    denials,
    words: denials.filter(({ expected }) => !expected).map(denialSentence),
    knownSince: knownSinceOf(confinement, view, mode),
    ...(unheard === undefined ? {} : { unheard })
  }
}

/**
 * Returns the denials of the containers of a name, running or ended.
 * @throws SeccoError CONTAINER_NOT_FOUND: none runs, and no denial of an ended one is known.
 */
export function whyEperm(
  confinement: Confinement,
  name: string,
  namespace?: string,
  sees: (namespace: string) => boolean = () => true
): WhyEperm {
  const found = findContainers(confinement, name, namespace).filter((one) => sees(one.namespace))
  const before = earlierDenials(confinement, name, namespace).filter((one) => sees(one.namespace))
  const missingNodes = unlistedNodes(confinement.sources)
  if (found.length + before.length === 0)
    throw notRunning(name, { namespace, missingNodes, hasDenials: false })
  return {
    items: found.map((view) => ofRunning(confinement, view)),
    before: before.map((row) => ({ ...row, words: denialSentence(row) })),
    knownSince: confinement.sources.hub.denialRows.knownSince(),
    missingNodes
  }
}
