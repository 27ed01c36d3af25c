import type { SeccompProfile } from '../api/seccomp-profile.js'
import type { ProfileState } from './profile-state.js'
import { digestForm } from './revision-names.js'

const shortest = 4

/**
 * Returns the digests of all revisions of the profile that its status names. The hub writes the status, and a profile
 * that is deleted and created again has a new one: no revision of another profile is among them, whoever names it.
 */
export function digestsOf({ status }: Pick<SeccompProfile, 'status'>): string[] {
  const { revision, auditRevision, previousRevision, approvedRevision } = status ?? {}
  const earlier = status?.earlierRevisions ?? []
  const approved = (status?.approvals ?? []).map((one) => one.revision)
  const all = [revision, auditRevision, previousRevision, approvedRevision, ...earlier, ...approved]
  return [...new Set(all.flatMap((one) => (one === undefined || one === '' ? [] : [one])))]
}

/**
 * Returns the digests of the profile that a text may mean: a prefix of four digits or more, as `secco ps` shows it, with
 * or without `sha256:`. A complete digest means itself, whether or not the profile names it.
 */
export function digestsWith(profile: SeccompProfile, text: string): string[] {
  const digits = text.replace(/^sha256:/, '')
  if (digits.length < shortest) return []
  const whole = `sha256:${digits}`
  if (digestForm.test(whole)) return [whole]
  return digestsOf(profile).filter((digest) => digest.startsWith(whole))
}

/**
 * Returns the digests that `digestsWith` returns and that are the profile's own: its status names them, or new pods get
 * them. Somebody who may read one profile knows no revision of another one by its digest.
 */
export function ownDigestsWith(
  profile: SeccompProfile,
  text: string,
  state: ProfileState | undefined
): string[] {
  const { enforce, audit, previous, ladder } = state ?? {}
  // A block takes something out of what the status names: these have digests of their own.
  const used = [enforce, audit, previous, ladder?.revision, ladder?.canary?.from.revision]
  const own = new Set([...digestsOf(profile), ...used.map((one) => one?.digest)])
  return digestsWith(profile, text).filter((digest) => own.has(digest))
}
