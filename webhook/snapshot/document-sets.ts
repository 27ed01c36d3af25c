import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { profileKey, type ProfileState, type RevisionState } from '../../src/rules/profile-state.js'
import type { Resolve } from '../../src/seccomp/render/approved.js'
import { emergencyLabel } from '../../src/seccomp/render/emergency.js'
import {
  isWithin,
  type PassSet,
  passSetOf,
  runtimeDefaultPassSet
} from '../../src/seccomp/filter/pass-set.js'
import { renderProfile } from '../../src/seccomp/render/render.js'

interface Rendered {
  /** What the rendering depends on of the profile itself. */
  input: string
  enforce: PassSet
  audit: PassSet
}

function keyOf({ metadata }: SeccompProfile): string {
  return profileKey(metadata.namespace ?? rootNamespace, metadata.name)
}

/** Returns the specs that are part of every rendering, as a text: those that others extend, and the emergency overlay. */
function sharedInput(
  profiles: readonly SeccompProfile[],
  all: ReadonlyMap<string, SeccompProfile>
): string {
  const extended = new Set(profiles.flatMap(({ spec }) => spec.extends ?? []))
  const specsOf = (entry: string) =>
    profiles.filter((one) => keyOf(one).endsWith(entry)).map(({ spec }) => spec)
  return JSON.stringify([all.get(emergencyLabel)?.spec, ...[...extended].sort().map(specsOf)])
}

function render(profile: SeccompProfile, resolve: Resolve, input: string): Rendered | undefined {
  try {
    const setOf = (mode: 'audit' | 'enforce') =>
      passSetOf(renderProfile(profile, { mode, resolve }).seccomp)
    return { input, enforce: setOf('enforce'), audit: setOf('audit') }
  } catch {
    return undefined
  }
}

/**
 * DocumentSets compares revisions by their documents, for a replica that has none of their bytes. The documents are
 * rendered for any fleet: what runtimes need is in all of them alike, so two documents compare as their revisions do,
 * and only what people allow decides whether one goes beyond RuntimeDefault. Renderings are kept until something
 * changes that they depend on. Previous revisions are not known: they compare with nothing.
 */
export class DocumentSets {
  readonly #rendered = new Map<string, Rendered | undefined>()
  #byDigest = new Map<string, PassSet>()
  #answers = new Map<string, boolean>()
  #shared = ''

  /** Returns the states with `withinDefault`, and makes `within` compare these profiles from now on. */
  judged(
    profiles: readonly SeccompProfile[],
    states: ReadonlyMap<string, ProfileState>
  ): ReadonlyMap<string, ProfileState> {
    const all = new Map(profiles.map((one) => [keyOf(one), one]))
    this.#forgetOutdated(sharedInput(profiles, all))
    const resolve: Resolve = (namespace, name) => all.get(profileKey(namespace, name))
    for (const profile of profiles) {
      if (profile.spec.seccomp === undefined) continue
      const key = keyOf(profile)
      this.#index(states.get(key), this.#renderedOf(key, profile, resolve))
    }
    for (const key of this.#rendered.keys()) if (!all.has(key)) this.#rendered.delete(key)
    return new Map([...states].map(([key, state]) => [key, this.#judgedState(state)]))
  }

  within(inner: string, outer: string): boolean {
    if (inner === outer) return true
    const key = `${inner} ${outer}`
    const known = this.#answers.get(key)
    if (known !== undefined) return known
    const [left, right] = [this.#setOf(inner), this.#setOf(outer)]
    const answer = left !== undefined && right !== undefined && isWithin(left, right)
    this.#answers.set(key, answer)
    return answer
  }

  #setOf(digest: string): PassSet | undefined {
    return digest === 'runtime-default' ? runtimeDefaultPassSet : this.#byDigest.get(digest)
  }

  #forgetOutdated(shared: string): void {
    if (shared !== this.#shared) this.#rendered.clear()
    this.#shared = shared
    this.#byDigest = new Map()
    this.#answers = new Map()
  }

  #renderedOf(key: string, profile: SeccompProfile, resolve: Resolve): Rendered | undefined {
    const abis = Object.keys(profile.status?.observed ?? {}).sort()
    const input = JSON.stringify([profile.spec, abis])
    const known = this.#rendered.get(key)
    if (known?.input === input) return known
    const rendered = render(profile, resolve, input)
    this.#rendered.set(key, rendered)
    return rendered
  }

  #index(state: ProfileState | undefined, rendered: Rendered | undefined): void {
    if (rendered === undefined || state === undefined) return
    if (state.enforce !== undefined) this.#byDigest.set(state.enforce.digest, rendered.enforce)
    if (state.audit !== undefined) this.#byDigest.set(state.audit.digest, rendered.audit)
  }

  #judgedState(state: ProfileState): ProfileState {
    const judge = (revision: RevisionState): RevisionState => ({
      ...revision,
      withinDefault: this.within(revision.digest, 'runtime-default')
    })
    return {
      ...state,
      ...(state.enforce && { enforce: judge(state.enforce) }),
      ...(state.audit && { audit: judge(state.audit) }),
      ...(state.previous && { previous: judge(state.previous) })
    }
  }
}
