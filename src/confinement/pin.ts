import { rootNamespace } from '../api/names.js'
import type { SeccompProfile } from '../api/seccomp-profile.js'
import { mayMove } from '../rules/resolve.js'
import { shortRevision } from '../rules/revision-names.js'
import { ownStartRisk, promoteCommand, type StartRisk } from '../seccomp/review/start-risk.js'

/** Pin says that new pods get an earlier revision of a profile, whatever people approve after it. */
export interface Pin {
  /** The revision in the short form for people. */
  revision: string
  /** RFC 3339 and who; empty where the history does not have it. */
  since: string
  by: string
  /** The newest approved revision in the short form; empty while the hub has rendered none. */
  newest: string
  /** For which pods it does not hold, as a phrase that follows a comma; empty: for all it holds. Absent: from an earlier hub. */
  exception?: string
  /** The command that gives new pods the newest approved revision. */
  leave: string
}

/** A ladder does not loosen a rule of the root namespace: its pods get the newest revision in the mode of the rule. */
const notUnderEnforce = `but where a rule of ${rootNamespace} enforces`

const enforcing = { platform: true, mode: 'enforce' } as const

/**
 * Returns the pin of a profile; undefined where new pods get the newest approved revision.
 * @param riskNow returns why a start under what is approved can fail; default: as far as the profile alone says it
 */
export function pinOf(
  profile: SeccompProfile,
  riskNow = (): StartRisk => ownStartRisk(profile)
): Pin | undefined {
  const { metadata, spec, status } = profile
  const { mode, revision } = spec.ladder ?? {}
  if (mode === undefined || mode === 'learn' || revision === undefined) return undefined
  const { namespace = rootNamespace, name } = metadata
  const step = status?.history?.findLast(({ action }) => action !== 'allow' && action !== 'mute')
  const newest = status?.approvedRevision ?? status?.revision
  return {
    revision: shortRevision(name, revision),
    ...{ since: step?.at ?? '', by: step?.by ?? '' },
    newest: newest === undefined ? '' : shortRevision(name, newest),
    exception: mayMove(enforcing, { namespace }, mode) ? '' : notUnderEnforce,
    leave: promoteCommand(profile, mode, riskNow())
  }
}

/** Says to which revision a profile is pinned, since when and by whom, and which one is the newest. */
export function pinWords({ revision, since, by, newest, exception = '' }: Pin): string {
  const when = since === '' ? '' : ` since ${since}, by ${by}`
  const but = exception === '' ? '' : `, ${exception}`
  const other = newest === '' ? '' : `; the newest approved is ${newest}`
  return `pinned to ${revision}${when}${but}${other}`
}

/** Says in a few words which revision new pods get. */
export function newPodsWords({ revision, exception = '' }: Pin): string {
  return `new pods get ${revision}${exception === '' ? '' : `, ${exception}`}`
}

/** Says to which revision a profile is pinned, with the command that leaves the pin. */
export function pinText(pin: Pin): string {
  return `${pinWords(pin)}; to leave the pin: ${pin.leave}`
}
