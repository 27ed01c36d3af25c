import type { Ladder } from '../../api/ladder.js'
import { labels, rootNamespace } from '../../api/names.js'

/** AssignedProfile is a profile whose revisions pods or containers get. */
interface AssignedProfile {
  namespace: string
  name: string
  /** Kind of the workload that it was learned from; empty for a profile that was written by hand. */
  workloadKind: string
}

/** Returns how a container outside Kubernetes gets a profile: nothing assigns one there. */
export function newContainerText({ namespace, name }: AssignedProfile): string {
  return `a new container gets it by \`secco profile export ${namespace}/${name} --into BUNDLE/config.json\``
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
  // Where a container was learned there may be no pods at all: a share of none would look like a step.
  const outside =
    profile.workloadKind === 'Container'
      ? `; outside Kubernetes nothing assigns a profile: ${newContainerText(profile)}`
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
