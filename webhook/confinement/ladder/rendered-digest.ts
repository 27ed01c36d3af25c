import { machine } from 'node:os'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import type { Confinement } from '../containers/confinement.js'

/** Returns the rendering of a profile for enforce, with its parents, for the machine of the hub. */
export function renderedNow(confinement: Confinement, profile: SeccompProfile) {
  const resolve = (namespace: string, name: string) => confinement.profile(`${namespace}/${name}`)
  return renderProfile(profile, { mode: 'enforce', resolve, machine: machine() })
}

/** A profile is rendered within some hundred milliseconds of an approval; a client waits for 30 s. */
const patienceMs = 20_000

/** Returns the digest of the revision that nodes get in enforce; undefined while there is none. */
export function digestNow(confinement: Confinement, key: string): string | undefined {
  return confinement.sources.hub.profiles().get(key)?.enforce?.digest
}

/** Waits for a digest other than `was`. Resolves with undefined when the hub has none within 20 s. */
export async function nextDigest(
  confinement: Confinement,
  key: string,
  was: string
): Promise<string | undefined> {
  const stops: (() => void)[] = []
  try {
    return await new Promise<string | undefined>((resolve) => {
      const check = (): void => {
        const digest = digestNow(confinement, key)
        if (digest !== undefined && digest !== was) resolve(digest)
      }
      const timer = setTimeout(() => resolve(undefined), patienceMs)
      stops.push(() => clearTimeout(timer), confinement.sources.hub.onChange(check))
      check()
    })
  } finally {
    for (const stop of stops) stop()
  }
}
