import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { laterTime } from '../../../src/history/times.js'
import { quoted } from '../../../src/lib/shell-word.js'
import type { ProfileState, RevisionState } from '../../../src/rules/profile-state.js'
import { otherArguments } from '../../../src/seccomp/arguments/argument-words.js'
import { modesInUse } from '../../../src/rules/resolve.js'
import { shortRevision } from '../../../src/rules/revision-names.js'
import type { DenialRow } from '../../hub/denials/denial-row.js'
import type { Confinement } from '../containers/confinement.js'
import type { ContainerView } from '../containers/container-view.js'
import {
  givenProfile,
  restartAfterDeletion,
  restartCommand
} from '../containers/restart-command.js'
import type { BlockOfCall } from './blocked-call.js'
import { settlesCall } from './settles-call.js'

/** Settlement is what is known of a denial whose call the profile allows by now. */
export interface Settlement {
  /** RFC 3339; empty while the container runs on as before, or may do so, or the revision is not where it ran. */
  closedAt: string
  hint: string
}

/**
 * Returns the revisions that new containers may get of a profile: while a canary runs, one of two. Where they only learn, it is
 * the one that they would get: a way back to learning opens no denial again that people settled.
 * @param isForeign whether RuntimeDefault or a file of the pod's author denied the call: new containers that learn get that again
 */
const deliveredOf = (
  state: ProfileState | undefined,
  isForeign: boolean
): (RevisionState | undefined)[] => {
  if (state === undefined) return [undefined]
  const inLearn = isForeign ? undefined : state.enforce
  return modesInUse(state).map(({ mode, revision }) => (mode === 'learn' ? inLearn : revision))
}

/** Returns the rows that decide whether a denial is settled: where its own values are not kept, those that are known. */
export function decidingRows({ sources }: Confinement, row: DenialRow): DenialRow[] {
  if (row.arguments !== otherArguments) return [row]
  const known = sources.hub.denialRows.valuesOf(row)
  return known.length === 0 ? [row] : known
}

/** Returns whether a filter allows a call that was denied, with every value of its arguments that is known. */
const settles = (confinement: Confinement, seccomp: LinuxSeccomp, row: DenialRow): boolean =>
  decidingRows(confinement, row).every((one) => settlesCall(seccomp, one))

/** Returns whether what is approved of a profile allows a call that was denied. */
export function isApprovedNow(confinement: Confinement, key: string, row: DenialRow): boolean {
  const { revisions, sources } = confinement
  const seccomp = revisions.seccompOf(sources.hub.profiles().get(key)?.enforce?.digest ?? '')
  return seccomp !== undefined && settles(confinement, seccomp, row)
}

/** Returns whether a node has the file of a revision, as far as the hub tells nodes apart. */
const isOn = (node: string, { ready, lacking }: RevisionState): boolean =>
  ready || lacking?.includes(node) === false

/** Returns since when a profile allows the call: the first of the newest approvals that all allow it; empty if unknown. */
function allowedSince(
  confinement: Confinement,
  profile: SeccompProfile | undefined,
  row: DenialRow
): string {
  let since = ''
  for (const { at, revision } of [...(profile?.status?.approvals ?? [])].reverse()) {
    const seccomp = confinement.revisions.seccompOf(revision)
    if (seccomp === undefined || !settles(confinement, seccomp, row)) break
    since = at
  }
  return since
}

/** A container that was denied a call: still running, ended (at a time, if that is known), or not known and why. */
type Fate = { running: ContainerView } | { ended: string } | { unknown: string }

/** Returns a running container of the pod that still has the revision: a pod keeps it through restarts of its containers. */
export function samePod(
  { views }: Confinement,
  row: DenialRow,
  profiles: readonly string[]
): ContainerView | undefined {
  if (row.pod === '') return undefined
  return profiles
    .flatMap((profile) => views.reachedBy(profile))
    .find(
      ({ namespace, pod, name, revision }) =>
        pod === row.pod &&
        namespace === row.namespace &&
        name === row.containerName &&
        revision === row.revision
    )
}

/** Engines that start the same container again, with the profile that it was created with. */
const restarting: readonly string[] = ['docker', 'podman']

/**
 * Returns whether a container that runs has the filter that denied the call: it is the run that was denied, or it was
 * started again. Outside of pods and engines a later container of the same name is another one.
 */
function keepsFilter({ sources }: Confinement, row: DenialRow, view: ContainerView): boolean {
  if (view.revision !== row.revision) return false
  if (view.pod !== '' || restarting.includes(view.runtime)) return true
  return sources.hub.denialRows.listOf(view).some(({ key }) => key === row.key)
}

function fateOf(confinement: Confinement, row: DenialRow, profiles: readonly string[]): Fate {
  const { views, sources, revisions } = confinement
  const { hub, isElsewhere } = sources
  const view = views.peekContainer(row.node, row.container)
  if (view !== undefined && keepsFilter(confinement, row, view)) return { running: view }
  const other = samePod(confinement, row, profiles)
  if (other !== undefined) return { running: other }
  if (row.ended !== undefined) return { ended: row.ended }
  if (view === undefined) {
    const node = hub.node(row.node)
    // A node that has not listed its containers may still run it.
    if (node === undefined && !isElsewhere(row.node)) return { ended: '' }
    if (node?.connected !== true) return { unknown: 'is not connected' }
    return hub.inventory.isComplete(row.node)
      ? { ended: '' }
      : { unknown: 'has not listed its containers yet' }
  }
  const ofRun = hub.denialRows.listOf(view)
  if (!ofRun.some(({ key }) => key === row.key)) return { ended: view.startedAt }
  const own = revisions.seccompOf(view.revision)
  return own !== undefined && settles(confinement, own, row) ? { ended: '' } : { running: view }
}

/**
 * Returns the settlement of a denial from before its call was blocked in an emergency: that the profile allowed it, and that
 * the container has ended, stays true.
 */
function settledBeforeBlock(
  confinement: Confinement,
  row: DenialRow,
  profiles: readonly string[],
  block: BlockOfCall | undefined
): Settlement | undefined {
  const denied = row.at === '' ? row.lastSeen : row.at
  if (block?.at === undefined || denied >= block.at) return undefined
  const since = allowedSince(confinement, confinement.profile(profiles[0] ?? ''), row)
  const fate = fateOf(confinement, row, profiles)
  if (since === '' || !('ended' in fate)) return undefined
  return {
    closedAt: laterTime(laterTime(fate.ended, since), row.lastSeen),
    hint: 'closed: its profile allows it, and the container that was denied it has ended; an emergency blocks it now'
  }
}

/**
 * Returns the settlement of a call that no revision of Secco's denied, where no profile is left to decide about it: with its
 * container it has ended. While that runs, a profile may learn from it in a moment.
 */
function settledWithoutProfile(
  confinement: Confinement,
  row: DenialRow,
  profiles: readonly string[]
): Settlement | undefined {
  const fate = fateOf(confinement, row, profiles)
  // One that is not listed yet has no known end.
  if (!('ended' in fate) || fate.ended === '') return undefined
  return {
    closedAt: laterTime(fate.ended, row.lastSeen),
    hint: 'closed: the container that was denied it has ended, and there is no profile of it'
  }
}

/** Returns the settlement of a denial of a pod of Secco itself, in whose profile nobody decides: it ends with its container. */
export function settlementOfOwn(
  confinement: Confinement,
  row: DenialRow,
  profiles: readonly string[]
): Settlement | undefined {
  const fate = fateOf(confinement, row, profiles)
  if (!('ended' in fate)) return undefined
  return {
    closedAt: laterTime(fate.ended, row.lastSeen),
    hint: 'closed: the container of Secco that was denied it has ended'
  }
}

const given = (confinement: Confinement, key: string) =>
  givenProfile(confinement, confinement.profile(key))

/** Returns what is known of a denial of a deleted profile, in which nothing can be allowed. @param key the profile */
export function settlementOfDeleted(
  confinement: Confinement,
  row: DenialRow,
  key: string
): Settlement {
  const gone = `its profile ${key} was deleted`
  const fate = fateOf(confinement, row, [key])
  if ('unknown' in fate)
    return { closedAt: '', hint: `${gone}, but ${row.node} ${fate.unknown}: secco get nodes` }
  if ('running' in fate) {
    const restart = restartAfterDeletion(fate.running, key, given(confinement, key))
    return { closedAt: '', hint: `${gone}, and the container keeps its filter until: ${restart}` }
  }
  return {
    closedAt: laterTime(laterTime(fate.ended, row.deleted ?? ''), row.lastSeen),
    hint: `closed: ${gone}, and the container that was denied it has ended`
  }
}

/**
 * Returns whether a container gets a filter of the profile when it is started again. Outside of pods it is created with its
 * file; of pods a rule says so, or one that runs with it.
 */
function isGiven(confinement: Confinement, key: string, { pod }: ContainerView): boolean {
  if (pod === '' || given(confinement, key)?.ruleMode !== undefined) return true
  const state = confinement.sources.hub.profiles().get(key)
  const digests = deliveredOf(state, true).map((one) => one?.digest)
  return confinement.views.reachedBy(key).some(({ revision }) => digests.includes(revision))
}

/**
 * Returns what is known of a denial whose call every revision allows that its profile delivers now; undefined while the
 * call would be denied again. All of it follows from the profile and the containers, so a hub that was restarted knows it.
 * @param profiles the profiles that the denial may be of
 * @param isForeign whether no revision of Secco's denied it
 * @param block the emergency block that denies the call now
 */
export function settlementOf(
  confinement: Confinement,
  row: DenialRow,
  { profiles, isForeign }: { profiles: readonly string[]; isForeign: boolean },
  block?: BlockOfCall
): Settlement | undefined {
  const { revisions, sources } = confinement
  const states = sources.hub.profiles()
  const delivered = profiles.flatMap((key) => deliveredOf(states.get(key), isForeign))
  const isAllowed = delivered.every((one) => {
    if (one === undefined || one.digest === row.revision) return false
    const seccomp = revisions.seccompOf(one.digest)
    return seccomp !== undefined && settles(confinement, seccomp, row)
  })
  const [first] = delivered
  const [key = ''] = profiles
  if (isForeign && profiles.every((one) => confinement.profile(one) === undefined))
    return settledWithoutProfile(confinement, row, profiles)
  if (first === undefined || !isAllowed)
    return settledBeforeBlock(confinement, row, profiles, block)
  const allows = `${shortRevision(key, first.digest)} allows it`
  const seeNodes = `secco get profiles -n ${quoted(key.split('/')[0] ?? '')}`
  if (!delivered.every((one) => one === undefined || isOn(row.node, one))) {
    return {
      closedAt: '',
      hint: `${allows}, but ${row.node} does not have it yet: ${seeNodes}`
    }
  }
  const fate = fateOf(confinement, row, profiles)
  if ('unknown' in fate) {
    return { closedAt: '', hint: `${allows}, but ${row.node} ${fate.unknown}: ${seeNodes}` }
  }
  if ('running' in fate) {
    // Nothing of Secco's decides which filter it gets.
    if (isForeign && !isGiven(confinement, key, fate.running)) return undefined
    const restart = restartCommand(fate.running, given(confinement, key))
    return { closedAt: '', hint: `${allows}, and the container keeps its filter until: ${restart}` }
  }
  const since = laterTime(fate.ended, allowedSince(confinement, confinement.profile(key), row))
  return {
    closedAt: laterTime(since, row.lastSeen),
    hint: `closed: ${allows}, and the container that was denied it has ended`
  }
}
