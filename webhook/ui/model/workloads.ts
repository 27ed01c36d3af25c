import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Mode, SeccompRule } from '../../../src/api/seccomp-rule.js'
import { openEntries } from '../../../src/seccomp/review/counted-instances.js'
import { rootNamespace } from '../../../src/api/names.js'
import { oncePer } from '../../../src/lib/once-per.js'
import { observedNames } from '../../../src/seccomp/review/profile-size.js'
import type { ConfinementState } from '../../../src/confinement/state.js'
import type { UiSources } from './sources.js'
import { isMutedForAll } from '../../../src/confinement/ladder.js'
import { isAlwaysBase } from '../../../src/seccomp/render/base.js'
import { unconfinedOf } from './unconfined.js'
import { openCalls, openGroups } from '../../views/denial-view.js'
import { nodeNeedsPerson } from '../../views/node-problems.js'
import type { ContainerCounts } from './containers.js'
import { type Derived, isWorkload, keyOf, planOf } from './derived.js'

interface StateCount {
  state: ConfinementState
  containers: number
}

/** What a list shows of a workload without costly computations. */
export interface WorkloadLine {
  key: string
  profile: SeccompProfile
  namespace: string
  kind: string
  name: string
  container: string
  /** Its containers by state, the least confined first; empty when none runs. */
  states: readonly StateCount[]
  /**
   * Mode that its ladder or its rules give to new pods; without either, the mode of its containers, or learn while nothing is
   * approved. Undefined: none.
   */
  mode: Mode | undefined
  containers: number
  stale: number
  drifted: number
  /** Its containers that are not protected as a rule says. */
  unprotected: number
  observed: number
  /** Number of calls that wait for a decision; 0 while the workload only learns. */
  toReview: number
  denials: number
  /** Whether something waits for a person. */
  attention: '' | 'warn' | 'bad'
  /** When the workload last changed, RFC 3339; '' if unknown. */
  changed: string
}

/** Returns the name of a workload, with its container where that has a name of its own. */
export function titleOf({ name, container }: Pick<WorkloadLine, 'name' | 'container'>): string {
  return container === '' ? name : `${name} · ${container}`
}

const modeRank: Record<Mode, number> = { learn: 0, audit: 1, enforce: 2 }

/** Returns the strictest mode that a rule gives to each profile. */
function modesByProfile(rules: readonly SeccompRule[]): Map<string, Mode> {
  const modes = new Map<string, Mode>()
  for (const { metadata, spec } of rules) {
    if (spec.profile === undefined) continue
    const key = `${spec.profile.namespace ?? metadata.namespace ?? rootNamespace}/${spec.profile.name}`
    const before = modes.get(key)
    if (before === undefined || modeRank[spec.mode] > modeRank[before]) modes.set(key, spec.mode)
  }
  return modes
}

function groupBy<Item>(items: readonly Item[], key: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group === undefined) groups.set(key(item), [item])
    else group.push(item)
  }
  return groups
}

/** States in order, the least confined first. `starting` is last: it does not describe the workload. */
const rank: readonly ConfinementState[] = [
  'unconfined',
  'runtime-default',
  'audit',
  'other',
  'enforced',
  'not-protectable',
  'starting'
]

function statesOf(counts: Readonly<ContainerCounts>): StateCount[] {
  return rank
    .map((state) => ({ state, containers: counts.states[state] }))
    .filter(({ containers }) => containers > 0)
}

const sameStates = (a: readonly StateCount[], b: readonly StateCount[]): boolean =>
  a.length === b.length &&
  a.every(({ state, containers }, at) => {
    const other = b[at]
    return other?.state === state && other.containers === containers
  })

/** The state of containers in each mode, where satellites do not report theirs at all. */
const stateOfMode: Readonly<Record<Mode, ConfinementState>> = {
  learn: 'runtime-default',
  audit: 'audit',
  enforce: 'enforced'
}

const modeOfState: Readonly<Record<ConfinementState, Mode | undefined>> = {
  unconfined: undefined,
  'runtime-default': 'learn',
  audit: 'audit',
  enforced: 'enforce',
  // Another filter is no mode of this profile.
  other: undefined,
  'not-protectable': undefined,
  starting: 'learn'
}

function changedAt(profile: SeccompProfile): string {
  const { lastNew = '', approvals = [] } = profile.status ?? {}
  const approved = approvals.at(-1)?.at ?? ''
  return lastNew > approved ? lastNew : approved
}

interface Facts {
  /** The node of each run of the entry point whose end nobody reported. */
  open: readonly string[]
  observed: number
  changed: string
}

/** Computes what depends on the profile only. */
const factsOf = oncePer((profile: SeccompProfile): Facts => {
  const { instances = [] } = profile.status ?? {}
  return {
    open: openEntries(instances).map(({ node }) => node),
    observed: observedNames(profile).size,
    changed: changedAt(profile)
  }
})

/**
 * Counts the containers of a profile that no node has listed and that may run all the same: a satellite that was stopped
 * reports no end, so an instance on a node that lists what runs there has ended.
 */
function unlisted(profile: SeccompProfile, { containers, hasReported }: UiSources): number {
  const { open } = factsOf(profile)
  return containers() === undefined ? open.length : open.filter((node) => !hasReported(node)).length
}

const lineMemory = new WeakMap<SeccompProfile, WorkloadLine>()

/** The part of a line that does not come from its profile. */
type Around = Pick<
  WorkloadLine,
  'states' | 'mode' | 'containers' | 'stale' | 'drifted' | 'unprotected' | 'denials'
>

function lineOf(key: string, profile: SeccompProfile, around: Around): WorkloadLine {
  const known = lineMemory.get(profile)
  if (
    known !== undefined &&
    sameStates(known.states, around.states) &&
    known.mode === around.mode &&
    known.containers === around.containers &&
    known.stale === around.stale &&
    known.drifted === around.drifted &&
    known.unprotected === around.unprotected &&
    known.denials === around.denials
  )
    return known
  const { observed, changed } = factsOf(profile)
  const toReview =
    profile.spec.seccomp === undefined
      ? 0
      : planOf(profile).adds.filter((name) => !isAlwaysBase(name) && !isMutedForAll(profile, name))
          .length
  const { kind = 'Profile', name, container = '' } = profile.spec.workload ?? {}
  const isWrong = around.drifted > 0 || around.unprotected > 0 || around.denials > 0
  const line: WorkloadLine = {
    ...around,
    ...{ key, profile, kind, container, toReview, observed, changed },
    namespace: profile.metadata.namespace ?? rootNamespace,
    name: name ?? profile.metadata.name,
    attention: isWrong ? 'bad' : toReview > 0 ? 'warn' : ''
  }
  lineMemory.set(profile, line)
  return line
}

/** Returns one line for each workload: first those that need a person, then the last changed. */
export function workloadLines(sources: UiSources): WorkloadLine[] {
  const modes = modesByProfile(sources.rules())
  const denials = groupBy(sources.denials(), ({ namespace, profile }) => `${namespace}/${profile}`)
  const running = sources.containers()
  const lines: WorkloadLine[] = []
  for (const profile of sources.profiles()) {
    if (!isWorkload(profile)) continue
    const key = keyOf(profile)
    const own = running?.countsOf(key)
    const { containers = unlisted(profile, sources) } = own ?? {}
    const { drifted = 0, stale = 0, unprotected = 0 } = own ?? {}
    // What is approved is in no mode until a rule, a label or a person gives it one.
    const learning = profile.spec.seccomp === undefined ? 'learn' : undefined
    const { ladder } = profile.spec
    const given = ladder?.canary?.from.mode ?? ladder?.mode ?? modes.get(key)
    // Where nodes read the kernel, nobody knows the state of a container that none of them has reported yet.
    const unread =
      running === undefined
        ? stateOfMode[ladder?.mode ?? given ?? learning ?? 'enforce']
        : ('starting' as const)
    const states =
      own === undefined ? (containers === 0 ? [] : [{ state: unread, containers }]) : statesOf(own)
    const weakest = own === undefined && running !== undefined ? undefined : states[0]
    const mode = given ?? (weakest === undefined ? learning : modeOfState[weakest.state])
    const denied = openCalls(denials.get(key) ?? [])
    const around = { states, mode, containers, drifted, stale, unprotected, denials: denied }
    lines.push(lineOf(key, profile, around))
  }
  const weight = { bad: 0, warn: 1, '': 2 }
  return lines.sort(
    (a, b) =>
      weight[a.attention] - weight[b.attention] ||
      (a.changed === b.changed ? (a.key < b.key ? -1 : 1) : a.changed < b.changed ? 1 : -1)
  )
}

export interface WorkloadDetail extends WorkloadLine {
  met: number
  evidence: number
  /** `0–19`, or why there is no estimate. */
  unseen: string
  risk:
    | {
        of: 'approved' | 'observed'
        score: number
        runtimeDefault: number
        fewer: number
        beyond: number
      }
    | undefined
}

/** Computes the costly part of a line that is shown. */
export function detailOf(line: WorkloadLine, derived: Derived): WorkloadDetail {
  const review = derived.review(line.profile)
  const { all } = review.estimate
  const { risk } = review
  return {
    ...line,
    met: review.evidence.filter(({ ok }) => ok).length,
    evidence: review.evidence.length,
    unseen:
      'tooFew' in all ? 'too few instances' : `${Math.floor(all.lower)}–${Math.ceil(all.upper)}`,
    risk:
      risk === undefined
        ? undefined
        : {
            of: risk.of,
            score: risk.score,
            runtimeDefault: risk.runtimeDefault,
            fewer: risk.fewerThanRuntimeDefault,
            beyond: risk.beyondRuntimeDefault.length
          }
  }
}

/** Counts of what waits for a person. */
export interface Needs {
  review: number
  denials: number
  nodes: number
  /** Workloads with running containers without a filter, about which nobody decided. */
  unconfined: number
  /** Containers that run without a filter, as somebody decided; an all-clear names them. */
  decided: number
}

/** Returns how many things wait for a person. */
export const waitingOf = ({ review, denials, nodes, unconfined }: Needs): number =>
  review + denials + nodes + unconfined

/** Counts what waits for a person. @param now in ms */
export function needsOf(sources: UiSources, lines: readonly WorkloadLine[], now: number): Needs {
  const nodes = sources.nodes().filter((node) => nodeNeedsPerson(node, now)).length
  const drifted = lines.filter((line) => line.drifted > 0).length
  const unprotected = lines.filter((line) => line.unprotected > 0).length
  const { open, decided } = unconfinedOf(sources)
  return {
    review: lines.filter(({ toReview }) => toReview > 0).length,
    denials: openGroups(sources.denials()).length,
    nodes: nodes + drifted + unprotected,
    unconfined: open.length,
    decided
  }
}
