import type { Ladder } from '../../api/ladder.js'
import { labels, rootNamespace } from '../../api/names.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { quoted } from '../../lib/shell-word.js'
import { isOutside, isRisky, ownStartRisk, type StartRisk } from './start-risk.js'

/** AssignedProfile is a profile whose revisions pods or containers get. */
interface AssignedProfile {
  namespace: string
  name: string
  /** Kind of the workload that it was learned from; empty for a profile that was written by hand. */
  workloadKind: string
}

/** ContainerFile says which filter of a profile a new container outside Kubernetes is to get: the newest of a mode, or a revision. */
export type ContainerFile = Pick<Ladder, 'mode' | 'revision'> & {
  /** Whether it is exported for enforce only if that is forced: a start under it can fail, and nobody decided to enforce it. */
  isForced?: boolean
}

/**
 * Returns the filter that a new container outside Kubernetes is to get: by the ladder of its profile, else by the rule that
 * names it. Without both that is enforce, and audit where a start under it can fail: the container might not start.
 * @param ruleMode see `ruleModeOf` of src/confinement/rule-mode.ts
 */
export function containerFileOf(
  profile: SeccompProfile,
  ruleMode: 'audit' | 'enforce' | undefined,
  riskNow = (): StartRisk => ownStartRisk(profile)
): ContainerFile {
  const { ladder } = profile.spec
  if (ladder === undefined) return { mode: ruleMode ?? (isRisky(riskNow()) ? 'audit' : 'enforce') }
  const { mode, revision } = ladder
  return { mode, ...(revision === undefined ? {} : { revision }) }
}

/**
 * Returns what has the filter of a new container outside Kubernetes: the command that prints it. Nobody knows where the bundle
 * of a container will be that does not exist yet.
 */
export function filterSource(
  { namespace, name }: Pick<AssignedProfile, 'namespace' | 'name'>,
  { mode, revision, isForced }: ContainerFile
): string {
  if (mode === 'learn') return 'the filter that `secco render --learn` prints'
  const which = revision === undefined ? `--mode ${mode}` : `--revision ${revision.slice(0, 23)}`
  const force = isForced === true ? ' --force' : ''
  return `the filter that \`secco profile export ${quoted(`${namespace}/${name}`)} ${which}${force}\` prints`
}

/** Returns how a container outside Kubernetes gets a profile in a mode: nothing assigns one there. */
export function newContainerText(
  profile: Pick<AssignedProfile, 'namespace' | 'name'>,
  file: ContainerFile
): string {
  const gets = file.mode === 'learn' ? 'is only recorded' : 'gets it'
  return `a new container ${gets} with ${filterSource(profile, file)} (linux.seccomp of its config.json)`
}

/**
 * Returns in words what new pods get by the label of a profile that has no ladder, where that is not enforce; undefined
 * otherwise.
 */
export function labelModeText(profile: SeccompProfile): string | undefined {
  const { metadata, spec, status } = profile
  // Outside Kubernetes there are no labels.
  if (status?.labelMode === undefined || spec.ladder !== undefined || isOutside(profile))
    return undefined
  return (
    `with the label ${labels.profile}: ${metadata.name} they get it in ${status.labelMode}, and not in enforce, ` +
    'until a start under it is not known to fail'
  )
}

/** Returns in words which new pods a profile is for: a mode and a canary are about these, and about no other pods. */
export function newPodsOf(name: string): string {
  return `new pods that have the label ${labels.profile}: ${name}, that a rule gives it, or that are learned into it`
}

/** Returns in words which new pods get a profile by its ladder, and what the others get while there is a canary. */
export function newPodsText(
  profile: AssignedProfile,
  {
    mode,
    revision,
    canary
  }: Pick<Ladder, 'mode' | 'revision'> & {
    canary?: Pick<NonNullable<Ladder['canary']>, 'percent' | 'from'> | null | undefined
  }
): string {
  const who = newPodsOf(profile.name)
  const what = revision === undefined ? 'it' : `its revision ${revision.slice(0, 19)}`
  const gets =
    canary == null
      ? `${who} get ${what} (${mode})`
      : `${canary.percent}% of the ${who} get ${what} (${mode}), the others stay at ${placeText(canary.from)}`
  const limits = `unless a rule of ${rootNamespace} gives less or their namespace is only observed`
  const file = { mode, ...(revision === undefined ? {} : { revision }) }
  // Where a container was learned there may be no pods at all: a share of none would look like a step.
  const outside =
    profile.workloadKind === 'Container'
      ? `; outside Kubernetes nothing assigns a profile: ${newContainerText(profile, file)}`
      : ''
  return `${gets}, ${limits}${outside}`
}

type Place = NonNullable<Ladder['canary']>['from']

const placeText = ({ mode, revision }: Place): string =>
  `${mode}${revision === undefined ? '' : ` ${revision.slice(0, 19)}`}`

/** Returns in words what the other new pods get during a canary. */
export const othersText = (place: Place): string => `the others ${placeText(place)}`

/** Returns the command that lists the running containers of a profile's pods: those of a root profile run anywhere. */
export function runningCommand(namespace: string, verb = 'secco ps'): string {
  return `${verb} ${namespace === rootNamespace ? '-A' : `-n ${namespace}`}`
}
