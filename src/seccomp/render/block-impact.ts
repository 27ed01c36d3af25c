import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { isApprovalStale } from '../policy/approval.js'
import type { Resolve } from './approved.js'
import { emergencyLabel, isEmergency } from './emergency.js'
import { renderProfile } from './render.js'

/** BlockedProfiles is what a change of the emergency overlay does to profiles, each as `namespace/name`. */
interface BlockedProfiles {
  /** Profiles whose enforce rendering differs. */
  profiles: string[]
  /** Profiles that cannot be rendered as they stand: the change applies to their revision in use. */
  waiting: string[]
}

/** Compares the enforce renderings of profiles between two overlays. */
export function affected(
  profiles: readonly SeccompProfile[],
  before: SeccompProfile | undefined,
  after: SeccompProfile
): BlockedProfiles {
  const key = ({ metadata }: SeccompProfile) => `${metadata.namespace ?? ''}/${metadata.name}`
  const all = new Map(profiles.map((profile) => [key(profile), profile]))
  const digest = (profile: SeccompProfile, overlay: SeccompProfile | undefined) => {
    const resolve: Resolve = (namespace, name) =>
      `${namespace}/${name}` === emergencyLabel ? overlay : all.get(`${namespace}/${name}`)
    try {
      return renderProfile(profile, { mode: 'enforce', resolve }).digest
    } catch {
      return undefined
    }
  }
  const changed: string[] = []
  const waiting: string[] = []
  for (const profile of profiles) {
    const { spec, status } = profile
    const isApproved = spec.seccomp !== undefined || isApprovalStale(spec)
    if (!isApproved || isEmergency(profile)) continue
    const [old, now] = [digest(profile, before), digest(profile, after)]
    if (now === undefined && status?.revision !== undefined) waiting.push(key(profile))
    else if (now !== old) changed.push(key(profile))
  }
  return { profiles: changed.sort(), waiting: waiting.sort() }
}
