import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Resolve } from '../../../src/seccomp/render/approved.js'
import { emergencyName } from '../../../src/seccomp/render/emergency.js'
import type { RenderOptions } from '../../../src/seccomp/render/render-types.js'

/** Surroundings are what every rendering of one pass depends on: the fleet and the emergency overlay. */
export interface Surroundings {
  fleet: Pick<RenderOptions, 'runtimes' | 'machine'>
  /** The overlay when the pass began. */
  overlay: SeccompProfile | undefined
  /** Both as a text: renderings are kept by it. */
  text: string
}

/** Returns the surroundings of a pass that begins now. */
export function surroundingsOf(
  fleet: Surroundings['fleet'],
  overlay: { profile: SeccompProfile; renderingInput: string } | undefined
): Surroundings {
  const text = `${JSON.stringify(fleet)} ${overlay?.renderingInput ?? ''}`
  return { fleet, overlay: overlay?.profile, text }
}

/** Returns the surroundings as they are when nothing is blocked. */
export function withoutOverlay({ fleet }: Surroundings): Surroundings {
  return surroundingsOf(fleet, undefined)
}

/**
 * Returns `resolve` with the overlay of these surroundings. One that changes during a pass is of the next pass: a rendering
 * without its blocks must not be kept as one with them.
 */
export function resolveIn({ overlay }: Surroundings, resolve: Resolve): Resolve {
  return (namespace, name) =>
    namespace === rootNamespace && name === emergencyName ? overlay : resolve(namespace, name)
}
