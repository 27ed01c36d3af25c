import type { Rung } from '../../../src/rules/profile-state.js'
import type { ContainerView } from '../containers/container-view-types.js'
import { type DenialView, denialsOfRun } from './denial-views.js'
import { denialWords } from './denial-words.js'
import { findContainers, notRunning } from '../containers/named.js'
import { type RefusedBefore, refusedBefore } from './refused-before.js'
import type { Truth } from '../truth.js'

const members = [
  ...(['key', 'node', 'namespace', 'workload', 'pod', 'id', 'name', 'why'] as const),
  ...(['denials', 'expected', 'syscalls', 'startedAt', 'since'] as const)
]

/** Which one it is, and no more: who may list refused calls may not be allowed to see containers. */
export type RefusedContainer = Pick<ContainerView, (typeof members)[number]>

/** What `GET /api/v1/why-eperm` gives; a line of words for each call that was not refused on purpose. */
export interface WhyEperm {
  items: {
    container: RefusedContainer
    /** That decided what it has; empty: none did. */
    rule: string
    denials: DenialView[]
    words: string[]
    /** RFC 3339. Denials of the container before that are not known; it may be older. */
    knownSince: string
    /** Why its node may not see what it is refused, in words that follow the node's name. */
    unheard?: string
  }[]
  /** Of containers that have ended, or began a moment ago; newest last. */
  before: (RefusedBefore & { words: string })[]
  /** RFC 3339. Denials before that are not known to the hub. */
  knownSince: string
}

/** Without tp_btf the hook cannot read what a call was asked with. */
function whyPartlyDeaf(truth: Truth, name: string): string | undefined {
  const node = truth.sources.hub.nodes().find((one) => one.name === name)
  return node?.status?.hook === 'raw_tp'
    ? 'sees no call that is refused for its arguments alone (hook raw_tp)'
    : undefined
}

/** Since when its node records a container, in milliseconds; 0: from its first instruction on. */
function recordedSince({ sources }: Truth, { key }: ContainerView): number {
  const { sets } = sources.hub
  const row = sets.rowOf(key)
  if (row !== undefined && sets.isComplete(row)) return 0
  // Without a set nobody has reported that it is recorded at all.
  return (row === undefined ? Number.NaN : Date.parse(sets.sinceOf(row))) || sources.now()
}

/** Since when the denials of a container are known: its node records and reports them, and the hub keeps them. */
function knownSinceOf(truth: Truth, view: ContainerView, mode: Rung): string {
  const since = Math.max(
    Date.parse(truth.sources.hub.denialRows.knownSince()),
    truth.hearing.since(view.node, mode),
    recordedSince(truth, view)
  )
  return new Date(since).toISOString()
}

function ofRunning(truth: Truth, view: ContainerView): WhyEperm['items'][number] {
  const denials = denialsOfRun(truth, view)
  const [revision] = truth.revisions.byDigest(view.revision)
  const mode = revision?.mode ?? 'learn'
  const unheard = truth.hearing.whyDeaf(view.node, mode) ?? whyPartlyDeaf(truth, view.node)
  return {
    container: Object.fromEntries(members.map((key) => [key, view[key]])) as RefusedContainer,
    rule: truth.views.decided(view.key)?.decision.containers[0]?.rule ?? '',
    denials,
    words: denials.filter(({ expected }) => !expected).map(denialWords),
    knownSince: knownSinceOf(truth, view, mode),
    ...(unheard === undefined ? {} : { unheard })
  }
}

/**
 * Which calls were refused to the containers of a name, be they running or not.
 * @throws SeccoError CONTAINER_NOT_FOUND: none runs, and of none that ended a refused call is known.
 */
export function whyEperm(truth: Truth, name: string, namespace?: string): WhyEperm {
  const found = findContainers(truth, name, namespace)
  const before = refusedBefore(truth, name, namespace)
  if (found.length + before.length === 0) throw notRunning(name)
  return {
    items: found.map((view) => ofRunning(truth, view)),
    before: before.map((row) => ({ ...row, words: denialWords(row) })),
    knownSince: truth.sources.hub.denialRows.knownSince()
  }
}
