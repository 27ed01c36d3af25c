import type { SeccompProfile } from '../../api/seccomp-profile.js'
import type { Resolve } from './approved.js'
import { emergencyLabel, isEmergency } from './emergency.js'
import { renderProfile } from './render.js'

/** Profiles whose enforce rendering differs between two overlays; those that do not render are left out. */
export function affected(
  profiles: readonly SeccompProfile[],
  before: SeccompProfile | undefined,
  after: SeccompProfile
): string[] {
  const key = ({ metadata }: SeccompProfile) => `${metadata.namespace ?? ''}/${metadata.name}`
  const all = new Map(profiles.map((profile) => [key(profile), profile]))
  const digest = (profile: SeccompProfile, overlay: SeccompProfile | undefined) => {
    const resolve: Resolve = (namespace, name) =>
      `${namespace}/${name}` === emergencyLabel ? overlay : all.get(`${namespace}/${name}`)
    try {
      return renderProfile(profile, { mode: 'enforce', resolve }).digest
    } catch {
      return ''
    }
  }
  return profiles
    .filter((profile) => profile.spec.seccomp !== undefined && !isEmergency(profile))
    .filter((profile) => digest(profile, before) !== digest(profile, after))
    .map(key)
    .sort()
}
