import { isMuted } from '../../../src/confinement/ladder.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import { durationMs } from '../../../src/lib/duration.js'
import type { DenialRow } from '../../hub/denials/denial-rows.js'
import type { ContainerView } from '../containers/container-view.js'
import { denialHint } from './denial-hint.js'
import type { Confinement } from '../containers/confinement.js'

/** DenialView is a denial as CLI, pages and API show it, with the next step. */
export interface DenialView extends DenialRow {
  mode: 'audit' | 'enforce' | ''
  muted: boolean
  hint: string
}

export function denialView(confinement: Confinement, row: DenialRow): DenialView {
  const known = confinement.revisions.byDigest(row.revision)
  const key = `${row.namespace}/${row.profile}`
  const own = known.find(({ profile }) => profile === key) ?? known[0]
  const mode = own?.mode ?? (row.action === 'SCMP_ACT_LOG' ? 'audit' : '')
  return {
    ...row,
    mode,
    muted: isMuted(confinement.profile(key), row),
    hint: denialHint(row, mode, own?.profile ?? key, confinement.profile(emergencyLabel))
  }
}

/** Returns the denials of a container in its current run. */
export function denialsOfRun(confinement: Confinement, view: ContainerView): DenialView[] {
  const { node, id, startedAt } = view
  return confinement.sources.hub.denialRows
    .listOf(node, id, startedAt)
    .map((row) => denialView(confinement, row))
}

interface Remembered {
  overlay: SeccompProfile | undefined
  profile: SeccompProfile | undefined
  revision: unknown
  view: DenialView
}
/** Rows are never changed in place, so a view stays valid as long as its profile and revision. */
const remembered = new WeakMap<DenialRow, Remembered>()

/** Returns all denials, newest last. CLI, API and pages show this list. */
export function denialViews(confinement: Confinement): DenialView[] {
  const overlay = confinement.profile(emergencyLabel)
  return confinement.sources.hub.denialRows.list().map((row) => {
    const profile = confinement.profile(`${row.namespace}/${row.profile}`)
    const [revision] = confinement.revisions.byDigest(row.revision)
    const known = remembered.get(row)
    const isSame =
      known?.profile === profile && known?.revision === revision && known?.overlay === overlay
    if (known !== undefined && isSame) return known.view
    const view = denialView(confinement, row)
    remembered.set(row, { overlay, profile, revision, view })
    return view
  })
}

/** Returns the time of `10m` ago or of an RFC 3339 time, in milliseconds; undefined for other texts. */
export function sinceOf(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const span = durationMs(text)
  const at = span === undefined ? Date.parse(text) : now - span
  return Number.isNaN(at) ? undefined : at
}

export interface DenialChoice {
  namespace?: string | undefined
  workload?: string | undefined
  node?: string | undefined
  profile?: string | undefined
  since?: string | undefined
  muted?: boolean
  expected?: boolean
}

export function wantsDenial(view: DenialView, choice: DenialChoice, since?: number): boolean {
  const { namespace, workload, node, profile } = choice
  return (
    (namespace ?? view.namespace) === view.namespace &&
    (workload ?? view.workload) === view.workload &&
    (node ?? view.node) === view.node &&
    (profile ?? view.profile) === view.profile &&
    (choice.muted === true || !view.muted) &&
    (choice.expected === true || !view.expected) &&
    (since === undefined || Date.parse(view.lastSeen) >= since)
  )
}
