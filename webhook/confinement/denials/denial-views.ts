import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { isMuted, muteOf } from '../../../src/confinement/ladder.js'
import { modeOfRendering } from '../../../src/confinement/profile-kind.js'
import { pinOf } from '../../../src/confinement/pin.js'
import { startRiskNow } from '../../../src/seccomp/review/start-risk.js'
import { type DeniedCall, deniedCallsOf } from '../../../src/seccomp/review/denied-calls.js'
import { hasContent } from '../../../src/seccomp/policy/approval.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import { emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import type { DenialRow } from '../../hub/denials/denial-row.js'
import { isOwnWorkload } from '../../hub/status/profile-status.js'
import type { ContainerView } from '../containers/container-view.js'
import {
  type DenialState,
  isOfDeleted as isOfDeletedProfile,
  stateOf
} from '../../views/denial-view.js'
import { filterModeOf } from '../containers/filter-mode.js'
import { blockOfCall } from './blocked-call.js'
import { callOf } from './call-arguments.js'
import { denialHint, mutedHint, type PinOfCall } from './denial-hint.js'
import {
  denyingRevision,
  isMutedAmong,
  learnedKey,
  ownerKeys
} from '../containers/denial-owners.js'
import {
  decidingRows,
  isApprovedNow,
  samePod,
  settlementOf,
  settlementOfDeleted,
  settlementOfOwn
} from './denial-settlement.js'
import { allowsCall, argumentsAsked } from './settles-call.js'
import { hasProfile } from './has-profile.js'
import type { Confinement } from '../containers/confinement.js'

/** DenialView is a denial as CLI, pages and API show it, with the next step. */
export interface DenialView extends DenialRow {
  mode: 'audit' | 'enforce' | ''
  muted: boolean
  /** The call in the syntax of `secco denials allow`. */
  call: string
  state: DenialState
  /** Since when it is closed, RFC 3339; empty while it is not. */
  closedAt: string
  hint: string
  /** Since when its profile does not exist any more, RFC 3339; empty if that is not known; absent while it exists. */
  deleted?: string
  /** What `secco block` takes to unblock the call, '' where no word says it; absent where no emergency block denies it. */
  block?: string
}

/** Returns the profile that the container of a denial runs under; '' when it has ended or runs under another revision. */
function profileInForce({ views }: Confinement, { node, container, revision }: DenialRow): string {
  const view = views.peekContainer(node, container)
  return view?.revision === revision && view.sharedWith.length === 0 ? view.profile : ''
}

const floor = runtimeDefault()

/** By the bytes of a revision, which very many denials may share. */
const modes = new WeakMap<LinuxSeccomp, 'audit' | 'enforce'>()

function modeOf(seccomp: LinuxSeccomp): 'audit' | 'enforce' {
  const known = modes.get(seccomp) ?? modeOfRendering(seccomp)
  modes.set(seccomp, known)
  return known
}

/**
 * Returns the mode of the filter that denied a call where no profile has its revision any more: from the revision's bytes,
 * from the container that still runs under it, or from what only one of the modes does; '' where none of them shows it.
 */
function modeWithoutProfile(confinement: Confinement, row: DenialRow): DenialView['mode'] {
  const { revisions, views } = confinement
  if (row.action === 'SCMP_ACT_LOG') return 'audit'
  if (row.revision === '') return ''
  const seccomp = revisions.seccompOf(row.revision)
  if (seccomp !== undefined) return modeOf(seccomp)
  const view = views.peekContainer(row.node, row.container)
  const mode = view?.revision === row.revision ? filterModeOf(confinement, view) : 'learn'
  if (mode !== 'learn') return mode
  // Audit denies nothing that RuntimeDefault allows, and kills nobody.
  const isStricter = row.action !== 'SCMP_ACT_ERRNO' || allowsCall(floor, row)
  return isStricter ? 'enforce' : ''
}

/** Returns the profiles that a denial may be of, the likeliest first, and the mode of the revision that denied it. */
function ownersOf(confinement: Confinement, row: DenialRow) {
  const { revisions } = confinement
  const own = denyingRevision(revisions, row, profileInForce(confinement, row))
  return {
    mode: own?.mode ?? modeWithoutProfile(confinement, row),
    profiles: ownerKeys(own, row),
    /**
     * False: what denied the call is no revision of Secco's. A hub that was restarted does not know to which profile each old
     * revision belongs, but who has its bytes.
     */
    isNamed: own !== undefined || revisions.seccompOf(row.revision) !== undefined
  }
}

/** Returns whether a denial is of a profile that does not exist any more, and of no other one. */
function isOfDeleted({ revision, deleted }: DenialRow, living: readonly string[]): boolean {
  // A profile is learned a moment after the first report of a container that no revision confines.
  return living.length === 0 && (revision !== '' || deleted !== undefined)
}

/** Returns the pin of the first of these profiles that has one. */
function pinAmong(
  confinement: Confinement,
  owners: readonly string[],
  row: DenialRow
): PinOfCall | undefined {
  for (const key of owners) {
    const profile = confinement.profile(key)
    const pin = profile && pinOf(profile, () => startRiskNow(confinement, profile))
    if (pin !== undefined) return { ...pin, isApproved: isApprovedNow(confinement, key, row) }
  }
  return undefined
}

/** Returns those of the profiles that exist and have nothing approved. */
const unapprovedOf = (confinement: Confinement, profiles: readonly string[]): string[] =>
  profiles.filter((key) => {
    const profile = confinement.profile(key)
    return profile !== undefined && !hasContent(profile.spec)
  })

/** Returns the call of a denial, with the arguments that the filter reads which denied it. */
function calledAs({ revisions }: Confinement, row: DenialRow): string {
  const seccomp = revisions.seccompOf(row.revision)
  return callOf(row, seccomp === undefined ? 0 : argumentsAsked(seccomp, row))
}

/** What people do about a call that Secco's own filter denied to Secco. */
const ownHint =
  'a pod of Secco was denied this call by the profile that Secco brings: there is nothing to allow; report it with this line'

const isOwnProfile = (profile: SeccompProfile | undefined): boolean =>
  profile !== undefined && isOwnWorkload(profile)

export function denialView(confinement: Confinement, row: DenialRow): DenialView {
  const { mode, profiles, isNamed } = ownersOf(confinement, row)
  const { deleted = '', ...known } = row
  const key = learnedKey(row)
  const living = profiles.filter((one) => hasProfile(confinement, row, one))
  const isDeleted = isOfDeleted(row, living)
  const owners = living.length === 0 ? profiles : living
  const block = blockOfCall(confinement.profile(emergencyLabel), row)
  const call = calledAs(confinement, row)
  const isOwn = owners.some((one) => isOwnProfile(confinement.profile(one)))
  const end = (): ReturnType<typeof settlementOf> => {
    if (isDeleted) return settlementOfDeleted(confinement, row, owners[0] ?? key)
    if (isOwn) return settlementOfOwn(confinement, row, owners)
    return settlementOf(confinement, row, { profiles: owners, isForeign: !isNamed }, block)
  }
  const settled = row.expected ? undefined : end()
  const { closedAt = '' } = settled ?? {}
  const mutes = (one: string): boolean =>
    isMuted(confinement.profile(one), row) && hasProfile(confinement, row, one)
  const muted = isMutedAmong(profiles, row, mutes)
  const isAllowed = settled !== undefined && !isDeleted
  const state = stateOf({ expected: row.expected, muted, closedAt, isAllowed, isOwn })
  const open = (): string => {
    const by = profiles.find(mutes) ?? key
    const mute = state === 'muted' ? muteOf(confinement.profile(by), row) : undefined
    if (mute !== undefined) return mutedHint(by, mute)
    return denialHint(
      ...([{ ...row, call }, mode, owners, block] as const),
      ...([pinAmong(confinement, owners, row), unapprovedOf(confinement, owners)] as const)
    )
  }
  return {
    ...known,
    ...{ mode, muted, closedAt, state, call },
    hint: settled?.hint ?? (isOwn ? ownHint : open()),
    ...(isDeleted ? { deleted } : {}),
    ...(block === undefined ? {} : { block: block.what ?? '' })
  }
}

/** Returns the keys of the profiles that the revision which denied a call may be of. */
const deniedBy = (confinement: Confinement, row: DenialRow): string[] =>
  ownerKeys(denyingRevision(confinement.revisions, row, profileInForce(confinement, row)), row)

/** Returns whether a denial is of a profile: its revision denied it, or the profile learns from the container. */
export function isDenialOf(confinement: Confinement, row: DenialRow, profile: string): boolean {
  const isOwned =
    learnedKey(row) === profile ||
    (confinement.revisions.isKnownOf(row.revision, profile) &&
      deniedBy(confinement, row).includes(profile))
  return isOwned && hasProfile(confinement, row, profile)
}

/** Returns the denials of a profile. */
export const denialsOfProfile = (confinement: Confinement, profile: string): DenialRow[] =>
  confinement.sources.hub.denialRows.list().filter((row) => isDenialOf(confinement, row, profile))

/** Returns the denials of each profile, by its key: in one pass, for a list of all profiles. */
export function denialsByProfile(confinement: Confinement): ReadonlyMap<string, DenialRow[]> {
  const found = new Map<string, DenialRow[]>()
  for (const row of confinement.sources.hub.denialRows.list()) {
    for (const key of new Set([learnedKey(row), ...deniedBy(confinement, row)])) {
      if (!hasProfile(confinement, row, key)) continue
      const own = found.get(key)
      if (own === undefined) found.set(key, [row])
      else own.push(row)
    }
  }
  return found
}

/** Returns the denials of deleted profiles of a name: their containers may run on. @param key `namespace/name` */
export const denialsOfDeleted = (confinement: Confinement, key: string): DenialView[] =>
  confinement.sources.hub.denialRows
    .list()
    .filter((row) => learnedKey(row) === key)
    .map((row) => denialView(confinement, row))
    .filter(isOfDeletedProfile)

/** Returns the calls of denials of a profile: they are denied under it now, or would be. */
export const deniedCalls = (confinement: Confinement, rows: readonly DenialRow[]): DeniedCall[] =>
  deniedCallsOf(rows.map((row) => denialView(confinement, row)))

/** Returns the denials of a container in its current run. */
export function denialsOfRun(confinement: Confinement, view: ContainerView): DenialView[] {
  return confinement.sources.hub.denialRows.listOf(view).map((row) => denialView(confinement, row))
}

/** Rows are never changed in place, so a view stays valid as long as what it was computed from. */
const remembered = new WeakMap<DenialRow, { inputs: readonly unknown[]; view: DenialView }>()

/** Returns everything that the view of a denial depends on. */
function inputsOf(confinement: Confinement, row: DenialRow): unknown[] {
  const { revisions, sources, views } = confinement
  const { hub } = sources
  const key = learnedKey(row)
  const owners = revisions.byDigest(row.revision)
  const states = hub.profiles()
  const node = hub.node(row.node)
  return [
    ...[confinement.profile(emergencyLabel), confinement.profile(key), owners, states.get(key)],
    ...owners.flatMap(({ profile }) => [states.get(profile), confinement.profile(profile)]),
    ...[revisions.filtersRead(), views.peekContainer(row.node, row.container)],
    samePod(confinement, row, [key, ...owners.map(({ profile }) => profile)]),
    ...[node?.connected, node === undefined && sources.isElsewhere(row.node)],
    ...[hub.inventory.isComplete(row.node), ...decidingRows(confinement, row)]
  ]
}

/** Returns all denials, newest last. CLI, API and pages show this list. */
export function denialViews(confinement: Confinement): DenialView[] {
  return confinement.sources.hub.denialRows.list().map((row) => {
    const inputs = inputsOf(confinement, row)
    const before = remembered.get(row)
    if (
      before?.inputs.length === inputs.length &&
      inputs.every((one, at) => one === before.inputs[at])
    )
      return before.view
    const view = denialView(confinement, row)
    remembered.set(row, { inputs, view })
    return view
  })
}

/** More revisions than the hub keeps in memory are never all read. */
const mostPasses = 4

/** Returns all denials after the revisions that decide whether they are closed were read. */
export async function settledDenialViews(confinement: Confinement): Promise<DenialView[]> {
  for (let pass = 1; ; pass += 1) {
    const views = denialViews(confinement)
    if (pass === mostPasses || !(await confinement.revisions.settled())) return views
  }
}
