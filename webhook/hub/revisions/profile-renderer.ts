import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { canonicalJson } from '../../../src/lib/canonical.js'
import { digestOf } from '../../../src/lib/digest.js'
import { type SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Resolve } from '../../../src/seccomp/render/approved.js'
import { mustDenyByDefault } from '../../../src/seccomp/render/open-default.js'
import type { Rendering, RenderOptions } from '../../../src/seccomp/render/render-types.js'
import { blockDigest, emergencyOf } from '../../../src/seccomp/render/emergency.js'
import { withoutBlocked } from '../../../src/seccomp/render/without-blocked.js'
import type { RenderedDigests } from './kept-renderings.js'
import type { PassSets } from './pass-sets.js'
import type { RevisionFiles } from './revision-files.js'
import { resolveIn, type Surroundings, withoutOverlay } from './surroundings.js'

export type Render = (
  profile: SeccompProfile,
  options: RenderOptions
) => Pick<Rendering, 'json' | 'digest'>

/** Rendered is the digests of a profile's two revisions, or why there are none; `key` is what they depend on. */
type Rendered = { key: string; enforce: string; audit: string } | { key: string; error: SeccoError }

/** RenderResult is what a profile was rendered to; while something is blocked, also what it renders to without blocks. */
export type RenderResult = Rendered & { unblocked?: Rendered }

/** RenderedProfile is a profile with its last rendering. */
export interface RenderedProfile {
  profile: SeccompProfile
  /** What a rendering depends on of the profile itself; see renderingInputOf(). */
  renderingInput: string
  rendered: Rendered | undefined
  /** Its last rendering without emergency blocks, if something was blocked. */
  unblocked?: Rendered
}

/** RenderContext is what every rendering of one pass depends on besides the profile. */
interface RenderContext extends Surroundings {
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

/** Returns the profile without what only the reasons of a rendering are made of: it is most of a learned profile. */
function withoutEvidence(profile: SeccompProfile): SeccompProfile {
  return { ...profile, status: { ...profile.status, instances: [] } }
}

/** ProfileRenderer renders profiles and keeps the bytes; an unchanged profile is not rendered again. */
export class ProfileRenderer {
  readonly #options: ProfileRendererOptions
  /** What withoutBlocked() returned in these surroundings, by digest. */
  #blocked: { surroundings: string; digests: Map<string, string> } = {
    ...{ surroundings: '', digests: new Map() }
  }

  constructor(options: ProfileRendererOptions) {
    this.#options = options
  }

  async render(one: RenderedProfile, context: RenderContext): Promise<RenderResult> {
    const rendered = (one.rendered = await this.#render(one, context, one.rendered))
    if ('error' in rendered) return rendered
    if (blockDigest(context.overlay) === '') return rendered
    const free = { ...context, ...withoutOverlay(context) }
    const unblocked = await this.#render(one, free, one.unblocked)
    one.unblocked = unblocked
    return { ...rendered, unblocked }
  }

  async #render(
    one: RenderedProfile,
    context: RenderContext,
    last: Rendered | undefined
  ): Promise<Rendered> {
    const isAlone = (one.profile.spec.extends ?? []).length === 0
    const key = `${isAlone ? 0 : context.epoch} ${context.text} ${one.renderingInput}`
    if (last?.key === key) return last
    const resolve = resolveIn(context, this.#options.resolve)
    try {
      // First, because an earlier version may have rendered such a profile.
      mustDenyByDefault(one.profile, resolve)
      // Epochs are of this process, and what others add to a profile is not in its key.
      const known = isAlone ? await this.#kept(key) : undefined
      if (known !== undefined) return { key, ...known }
      const { render, files, passSets } = this.#options
      const profile = withoutEvidence(one.profile)
      const enforce = render(profile, { ...context.fleet, mode: 'enforce', resolve })
      const audit = render(profile, { ...context.fleet, mode: 'audit', resolve })
      await files.keep(enforce.digest, enforce.json)
      await files.keep(audit.digest, audit.json)
      passSets.put(enforce.digest, enforce.json)
      passSets.put(audit.digest, audit.json)
      const digests = { enforce: enforce.digest, audit: audit.digest }
      if (isAlone) files.renderings?.add(key, digests)
      return { key, ...digests }
    } catch (thrown) {
      const error = toSeccoError(thrown)
      const { namespace, name } = one.profile.metadata
      const { code, message: reason } = error
      this.#options.logger.error({ code, namespace, profile: name, reason }, 'profile not rendered')
      // A full disk may have room again: the next pass renders this profile again.
      if (error.code !== 'WRITE_FAILED') return { key, error }
      this.#options.retry()
      return { key: '', error }
    }
  }

  /** Returns what an earlier process rendered from the same, where the bytes of both revisions are there. */
  async #kept(key: string): Promise<RenderedDigests | undefined> {
    const { files, passSets } = this.#options
    const known = files.renderings?.find(key)
    if (known === undefined) return undefined
    for (const digest of [known.enforce, known.audit]) {
      const bytes = await files.read(digest)
      if (bytes === undefined) return undefined
      passSets.put(digest, bytes.toString('utf8'))
    }
    return known
  }

  /**
   * Returns the digest of an earlier revision without what the emergency overlay blocks, and keeps its bytes; the same
   * digest where that is nothing, and undefined where it cannot be made.
   */
  async withoutBlocked(digest: string, context: Surroundings): Promise<string | undefined> {
    const { text, fleet, overlay } = context
    if (this.#blocked.surroundings !== text)
      this.#blocked = { surroundings: text, digests: new Map() }
    const { digests } = this.#blocked
    const known = digests.get(digest)
    if (known !== undefined) return known
    const { files, passSets, logger, retry } = this.#options
    const emergency = emergencyOf(overlay)
    if (emergency.denyRules.size === 0) return digest
    const bytes = await files.read(digest)
    if (bytes === undefined) return undefined
    try {
      const before = JSON.parse(bytes.toString('utf8')) as LinuxSeccomp
      const after = withoutBlocked(before, emergency, fleet.runtimes)
      const json = canonicalJson(after)
      const result = after === before ? digest : digestOf(json)
      await files.keep(result, json)
      passSets.put(result, json)
      digests.set(digest, result)
      return result
    } catch (thrown) {
      const { code, message: reason } = toSeccoError(thrown)
      logger.error({ code, digest, reason }, 'revision without what is blocked not made')
      if (code === 'WRITE_FAILED') retry()
      return undefined
    }
  }
}
