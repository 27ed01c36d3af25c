import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { type SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Resolve } from '../../../src/seccomp/render/approved.js'
import type { Rendering, RenderOptions } from '../../../src/seccomp/render/render-types.js'
import type { PassSets } from './pass-sets.js'
import type { RevisionFiles } from './revision-files.js'

export type Render = (
  profile: SeccompProfile,
  options: RenderOptions
) => Pick<Rendering, 'json' | 'digest'>

/** RenderResult is the digests of a profile's two revisions, or why there are none; `key` is what they depend on. */
export type RenderResult =
  | { key: string; enforce: string; audit: string }
  | { key: string; error: SeccoError }

/** RenderedProfile is a profile with its last rendering. */
export interface RenderedProfile {
  profile: SeccompProfile
  /** What a rendering depends on of the profile itself; see renderingInputOf(). */
  renderingInput: string
  rendered: RenderResult | undefined
}

/** RenderContext is what every rendering of one pass depends on besides the profile. */
interface RenderContext {
  fleet: Pick<RenderOptions, 'runtimes' | 'machine'>
  /** The fleet and the emergency overlay, as a text. */
  surroundings: string
  /** Changes whenever a profile changes that others may extend. */
  epoch: number
}

interface ProfileRendererOptions {
  render: Render
  files: RevisionFiles
  passSets: PassSets
  logger: Logger
  resolve: Resolve
  /** Asks for another pass: the bytes of a revision could not be written. */
  retry: () => void
}

/** ProfileRenderer renders profiles and keeps the bytes; an unchanged profile is not rendered again. */
export class ProfileRenderer {
  readonly #options: ProfileRendererOptions

  constructor(options: ProfileRendererOptions) {
    this.#options = options
  }

  async render(one: RenderedProfile, context: RenderContext): Promise<RenderResult> {
    const epoch = (one.profile.spec.extends ?? []).length > 0 ? context.epoch : 0
    const key = `${epoch} ${context.surroundings} ${one.renderingInput}`
    if (one.rendered?.key === key) return one.rendered
    try {
      const { render, resolve, files, passSets } = this.#options
      const enforce = render(one.profile, { ...context.fleet, mode: 'enforce', resolve })
      const audit = render(one.profile, { ...context.fleet, mode: 'audit', resolve })
      await files.keep(enforce.digest, enforce.json)
      await files.keep(audit.digest, audit.json)
      passSets.put(enforce.digest, enforce.json)
      passSets.put(audit.digest, audit.json)
      one.rendered = { key, enforce: enforce.digest, audit: audit.digest }
    } catch (thrown) {
      const error = toSeccoError(thrown)
      const { namespace, name } = one.profile.metadata
      const { code, message: reason } = error
      this.#options.logger.error({ code, namespace, profile: name, reason }, 'profile not rendered')
      // A full disk may have room again: the next pass renders this profile again.
      if (error.code === 'WRITE_FAILED') {
        this.#options.retry()
        return { key, error }
      }
      one.rendered = { key, error }
    }
    return one.rendered
  }
}
