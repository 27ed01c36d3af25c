import { rootNamespace } from '../../../src/api/names.js'
import { indexedMode } from '../../../src/confinement/rule-mode.js'
import type { GivenProfile } from '../containers/restart-command.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { containerOutcome } from '../../../src/rules/explain.js'
import { authoredLabels } from './generated-labels.js'
import { shortRevision } from '../../../src/rules/revision-names.js'
import { modeLabel } from '../../../src/rules/observe.js'
import { type LadderMode, type ProfileState, profileKey } from '../../../src/rules/profile-state.js'
import type { Labels } from '../../../src/rules/selector.js'
import { containerFileOf, newContainerText } from '../../../src/seccomp/review/new-pods.js'
import type { Confinement } from '../containers/confinement.js'
import type { ContainerView, DecidedContainer } from '../containers/container-view.js'
import { ladderOf } from '../../hub/revisions/ladder-state.js'
import { filterModeOf } from '../containers/filter-mode.js'
import { containersOf } from './canary-figures.js'

/** OtherRevision is what some containers run of a profile in place of what new pods get. */
export interface OtherRevision {
  /** Short name: `web@3f2a9c01`. */
  revision: string
  mode: LadderMode
  containers: number
  /** New pods get another revision. False for what a canary replaces, and in learn, where new pods get none. */
  isStale: boolean
}

/** GivenBy is a rule or a label that gives a profile to pods. */
export interface GivenBy {
  source: string
  mode: LadderMode
  /** It is a label that gives audit and not enforce: a start under the profile can fail. */
  startAtRisk?: true
  containers: number
}

/** Assignment says which running containers have a profile in the kernel, and what gives it to the pods that follow them. */
export interface Assignment {
  /** The mode of the profile; empty without one: then its rules and labels decide. */
  mode: LadderMode | ''
  /** Running containers that are learned into the profile or run under it. */
  containers: number
  /** Of them: those whose filter in the kernel is the revision that new pods get, in this mode; without a mode, in any. */
  inForce: number
  /** Of them: those whose filter is another revision of the profile, or of another mode. Absent: of an earlier hub. */
  others?: OtherRevision[]
  /** Rules and labels that give the profile to the pods that follow them, with the mode that these get. */
  givenBy: GivenBy[]
  /** Why the pods that follow the others do not get it. */
  notGiven: { why: string; containers: number }[]
  /** Containers in namespaces that the person may not read: what gives the profile to their pods is not said. */
  hidden: number
  /** Labels that the pods which nothing gives it to have in common; empty if there are no such pods, or no such labels. */
  labels: Record<string, string>
  /** The command that makes a rule for those labels; empty without labels. */
  command: string
}

/** Returns the mode of the rule that would give the profile to pods: as for a new container outside Kubernetes. */
export const newRuleMode = ({ profile, ruleMode }: GivenProfile): LadderMode =>
  containerFileOf(profile, ruleMode).mode

/** Returns labels as a command and a form take them: `app=shop,tier=web`. */
export const labelPairs = (labels: Labels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')

type Given = Omit<GivenBy, 'containers'> | { why: string; isFree?: boolean }

/** Returns the state of a profile with the ladder of the object, which the hub may not have seen yet. */
function stateWith(state: ProfileState | undefined, profile: SeccompProfile): ProfileState {
  const { namespace = rootNamespace, name } = profile.metadata
  const { container, kind, name: owner } = profile.spec.workload ?? {}
  const before: ProfileState = state ?? {
    ...{ namespace, name, approved: profile.spec.seccomp !== undefined },
    ...(kind === undefined || owner === undefined ? {} : { workload: { kind, name: owner } }),
    ...(container === undefined || container === '' ? {} : { container })
  }
  const { ladder: former, ...rest } = before
  const known = [
    ...[former?.revision, former?.canary?.from.revision],
    ...[before.previous, before.enforce, before.audit]
  ]
  const revisionOf = (digest: string | undefined) =>
    known.find((one) => digest !== undefined && one?.digest === digest)
  const { ladder } = profile.spec
  // A pinned revision is known by its digest alone until the hub has seen the ladder.
  const next = ladderOf(
    ladder,
    revisionOf(ladder?.revision),
    revisionOf(ladder?.canary?.from.revision)
  )
  return { ...rest, ...(next === undefined ? {} : { ladder: next }) }
}

/** Returns what gives a profile to the pod that follows a container's, or why it does not get it. */
function givenTo(
  key: string,
  view: ContainerView,
  { decision }: DecidedContainer,
  { profile, ruleMode }: GivenProfile
): Given {
  const { namespace = rootNamespace, name } = profile.metadata
  if (view.pod === '') {
    const how = newContainerText({ namespace, name }, containerFileOf(profile, ruleMode))
    return { why: `outside Kubernetes nothing assigns a profile: ${how}` }
  }
  if (view.ephemeral) return { why: 'an ephemeral container gets RuntimeDefault' }
  const [own] = decision.containers
  if (decision.decision === 'observed') {
    return {
      why:
        'rules are only observed in its namespace; to apply them: ' +
        `kubectl label --overwrite namespace ${view.namespace} ${modeLabel}=enabled`
    }
  }
  if (own === undefined || own.reason === 'no-rule') {
    const isFree = decision.reason === 'no-rule'
    return isFree
      ? { why: 'no rule and no label gives it the profile', isFree }
      : { why: containerOutcome(own, decision) }
  }
  const { rule = '', mode = 'enforce' } = own
  if (own.outcome === 'assigned' && own.profile === key) {
    return { source: rule, mode, ...(own.startAtRisk && { startAtRisk: true }) }
  }
  if (own.outcome === 'learn' && view.learned === key) {
    return profile.spec.ladder?.mode === 'learn' || profile.spec.ladder === undefined
      ? { source: rule, mode: 'learn' }
      : { why: `${rule} only learns` }
  }
  return { why: containerOutcome(own, decision) }
}

interface GivenMode {
  /** Empty: any. */
  mode: LadderMode | ''
  digests: readonly (string | undefined)[]
}

/** Returns what the pods that are no canaries get while one runs, and what all others get: mode and digests. */
function givenModes(
  { spec: { ladder } }: SeccompProfile,
  state: ProfileState | undefined
): { now: GivenMode; before: GivenMode | undefined } {
  if (ladder === undefined) {
    return {
      now: { mode: '', digests: [state?.enforce?.digest, state?.audit?.digest] },
      before: undefined
    }
  }
  // A pinned revision without what is blocked now has another digest than the ladder names.
  const of = (mode: LadderMode, pinned: string | undefined, left: string | undefined) => ({
    mode,
    digests: pinned === undefined ? [mode === 'learn' ? '' : state?.[mode]?.digest] : [pinned, left]
  })
  const { mode, revision, canary } = ladder
  const known = state?.ladder
  const from = canary?.from
  return {
    now: of(mode, revision, known?.revision?.digest),
    before: from && of(from.mode, from.revision, known?.canary?.from.revision?.digest)
  }
}

/** Counts the containers that run what new pods get of a profile, and those that run something else of it. */
function countInForce(
  confinement: Confinement,
  profile: SeccompProfile,
  { own, state }: { own: readonly ContainerView[]; state: ProfileState | undefined }
): Required<Pick<Assignment, 'inForce' | 'others'>> {
  const { namespace = rootNamespace, name } = profile.metadata
  const key = profileKey(namespace, name)
  const { now, before } = givenModes(profile, state)
  let inForce = 0
  const others: OtherRevision[] = []
  for (const one of own) {
    const mode = filterModeOf(confinement, one)
    if (mode === 'learn' || !(one.profile === key || one.sharedWith.includes(key))) continue
    const isOf = (given: GivenMode | undefined): boolean =>
      given !== undefined &&
      (given.mode === '' || given.mode === mode) &&
      // Until the hub has rendered the profile, nothing says that a revision is another one.
      (given.digests.every((digest) => digest === undefined) ||
        given.digests.includes(one.revision))
    if (isOf(now)) {
      inForce += 1
      continue
    }
    const isStale = profile.spec.ladder?.mode !== 'learn' && !isOf(before)
    const other = { mode, revision: shortRevision(key, one.revision), isStale }
    addTo(others, { ...other, containers: 1 }, (known) => {
      return known.revision === other.revision && known.mode === mode
    })
  }
  return { inForce, others }
}

/** Returns the labels that all of these pods have from their authors, without those of Secco. */
function commonLabels(all: readonly Labels[]): Record<string, string> {
  const [first, ...others] = all
  const pairs = Object.entries(authoredLabels(first ?? {})).filter(
    ([key, value]) => !key.startsWith('secco.dev/') && others.every((one) => one[key] === value)
  )
  return Object.fromEntries(pairs)
}

/** Returns the command that makes a rule for pods with these labels; empty where they have none in common. */
function ruleCommand(profile: SeccompProfile, mode: string, labels: Labels): string {
  const { namespace = rootNamespace, name } = profile.metadata
  const pairs = labelPairs(labels)
  if (pairs === '') return ''
  return `secco rule create ${name} -n ${namespace} --profile ${name} --mode ${mode} --labels ${pairs}`
}

/** Groups containers whose pods are alike, so that the rules decide once for each group. */
function alike(
  confinement: Pick<Confinement, 'views'>,
  own: readonly ContainerView[]
): { first: ContainerView; labels: Labels; containers: number }[] {
  const groups = new Map<string, { first: ContainerView; labels: Labels; containers: number }>()
  for (const view of own) {
    const labels = confinement.views.labelsOf(view.key)
    const { namespace, workload, name, image, state } = view
    const key = JSON.stringify([
      ...[namespace, workload, name, image, state === 'not-protectable'],
      authoredLabels(labels)
    ])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { first: view, labels, containers: 1 })
    else group.containers += 1
  }
  return [...groups.values()]
}

/** Adds a number of containers to the entry that is about the same. */
function addTo<Entry extends { containers: number }>(
  entries: Entry[],
  entry: Entry,
  isSame: (other: Entry) => boolean
): void {
  const known = entries.find(isSame)
  if (known === undefined) entries.push(entry)
  else known.containers += entry.containers
}

/**
 * Returns what gives a profile to pods, by what the webhook would decide if each running container's pod was created
 * again, and where it is in force by what nodes report of the kernel.
 * @param profile as it is stored, or as it would be after a step
 * @param sees whether the person may read a namespace; default: all
 */
export function assignmentOf(
  confinement: Confinement,
  profile: SeccompProfile,
  sees: (namespace: string) => boolean = () => true
): Assignment {
  const { namespace = rootNamespace, name } = profile.metadata
  const key = profileKey(namespace, name)
  const mode = profile.spec.ladder?.mode ?? ''
  const own = containersOf(confinement, key)
  const ruleMode = indexedMode(confinement.sources.snapshot().rules, { namespace, name })
  const asGiven = { profile, ruleMode }
  const profiles = new Map(confinement.sources.snapshot().profiles)
  profiles.set(key, stateWith(profiles.get(key), profile))
  const givenBy: Assignment['givenBy'] = []
  const notGiven: Assignment['notGiven'] = []
  const free: Labels[] = []
  const seen = own.filter((one) => sees(one.namespace))
  for (const { first, labels, containers } of alike(confinement, seen)) {
    const decided = confinement.views.decided(first.key, profiles)
    if (decided === undefined) continue
    const given = givenTo(key, first, decided, asGiven)
    if ('source' in given) {
      const isSame = (one: { source: string; mode: string }) =>
        one.source === given.source && one.mode === given.mode
      addTo(givenBy, { ...given, containers }, isSame)
    } else {
      addTo(notGiven, { why: given.why, containers }, (one) => one.why === given.why)
      if (given.isFree === true) free.push(labels)
    }
  }
  const labels = commonLabels(free)
  const hidden = own.length - seen.length
  return {
    mode,
    containers: own.length,
    ...countInForce(confinement, profile, { own, state: profiles.get(key) }),
    givenBy,
    notGiven,
    hidden,
    labels,
    command: ruleCommand(profile, newRuleMode(asGiven), labels)
  }
}
