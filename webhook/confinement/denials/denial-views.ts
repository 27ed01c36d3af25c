import { isMuted } from '../../../src/confinement/ladder.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { durationMs } from '../../../src/lib/duration.js'
import type { DenialRow } from '../../hub/denials/denial-rows.js'
import type { ContainerView } from '../containers/container-view-types.js'
import { denialHint } from './denial-hint.js'
import type { Truth } from '../truth.js'

/** Refused calls as CLI, pages and API show them: with what to do. */
export interface DenialView extends DenialRow {
  mode: 'audit' | 'enforce' | ''
  muted: boolean
  hint: string
}

export function denialView(truth: Truth, row: DenialRow): DenialView {
  const known = truth.revisions.byDigest(row.revision)
  const key = `${row.namespace}/${row.profile}`
  const own = known.find(({ profile }) => profile === key) ?? known[0]
  const mode = own?.mode ?? (row.action === 'SCMP_ACT_LOG' ? 'audit' : '')
  return {
    ...row,
    mode,
    muted: isMuted(truth.profile(key), row),
    hint: denialHint(row, mode, own?.profile ?? key)
  }
}

/** What a running container was refused in this run. */
export function denialsOfRun(truth: Truth, view: ContainerView): DenialView[] {
  const { node, id, startedAt } = view
  return truth.sources.hub.denialRows
    .listOf(node, id, startedAt)
    .map((row) => denialView(truth, row))
}

interface Remembered {
  profile: SeccompProfile | undefined
  revision: unknown
  view: DenialView
}
/** Rows are never changed in place: the view of one holds as long as its profile and revision do. */
const remembered = new WeakMap<DenialRow, Remembered>()

/** Everything that was refused, newest last: the one list behind CLI, API and pages. */
export function denialViews(truth: Truth): DenialView[] {
  return truth.sources.hub.denialRows.list().map((row) => {
    const profile = truth.profile(`${row.namespace}/${row.profile}`)
    const [revision] = truth.revisions.byDigest(row.revision)
    const known = remembered.get(row)
    if (known !== undefined && known.profile === profile && known.revision === revision)
      return known.view
    const view = denialView(truth, row)
    remembered.set(row, { profile, revision, view })
    return view
  })
}

/** When `10m` ago, or an RFC 3339 time, was; undefined for anything else. */
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
