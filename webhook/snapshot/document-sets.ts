import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { profileKey, type ProfileState, type RevisionState } from '../../src/rules/profile-state.js'
import { emergencyLabel } from '../../src/seccomp/render/emergency.js'
import {
  isWithin,
  type PassSet,
  passSetOf,
  runtimeDefaultPassSet
} from '../../src/seccomp/filter/pass-set.js'
import { renderProfile } from '../../src/seccomp/render/render.js'

/** How revisions compare, for a replica that has none of their bytes: from the documents. */
export interface DocumentSets {
  /** The states with `withinDefault`, and what `within` goes by from now on. */
  judged(
    profiles: readonly SeccompProfile[],
    states: ReadonlyMap<string, ProfileState>
  ): ReadonlyMap<string, ProfileState>
  within(inner: string, outer: string): boolean
}

interface Rendered {
  essence: string
  enforce: PassSet
  audit: PassSet
}

/**
 * Renders documents for any fleet: what runtimes need is in all of them alike, so two compare as their
 * revisions do, and whether one goes beyond RuntimeDefault is people's word alone. What was rendered is
 * kept while nothing changes that it depends on. Previous revisions cannot be known: they compare with
 * nothing.
 */
export function createDocumentSets(): DocumentSets {
  const rendered = new Map<string, Rendered | undefined>()
  let byDigest = new Map<string, PassSet>()
  let answers = new Map<string, boolean>()
  let surroundings = ''

  function render(
    profile: SeccompProfile,
    resolve: (namespace: string, name: string) => SeccompProfile | undefined,
    essence: string
  ): Rendered | undefined {
    try {
      const setOf = (mode: 'audit' | 'enforce') =>
        passSetOf(renderProfile(profile, { mode, resolve }).seccomp)
      return { essence, enforce: setOf('enforce'), audit: setOf('audit') }
    } catch {
      return undefined
    }
  }

  function within(inner: string, outer: string): boolean {
    if (inner === outer) return true
    const key = `${inner} ${outer}`
    const known = answers.get(key)
    if (known !== undefined) return known
    const setOf = (digest: string) =>
      digest === 'runtime-default' ? runtimeDefaultPassSet : byDigest.get(digest)
    const [left, right] = [setOf(inner), setOf(outer)]
    const answer = left !== undefined && right !== undefined && isWithin(left, right)
    answers.set(key, answer)
    return answer
  }

  return {
    within,
    judged(profiles, states) {
      const keyOf = ({ metadata }: SeccompProfile) =>
        profileKey(metadata.namespace ?? rootNamespace, metadata.name)
      const all = new Map(profiles.map((one) => [keyOf(one), one]))
      const resolve = (namespace: string, name: string) => all.get(profileKey(namespace, name))
      // What others extend, and the overlay, are in every rendering.
      const extended = new Set(profiles.flatMap(({ spec }) => spec.extends ?? []))
      const around = JSON.stringify([
        all.get(emergencyLabel)?.spec,
        ...[...extended]
          .sort()
          .map((entry) =>
            profiles.filter((one) => keyOf(one).endsWith(entry)).map(({ spec }) => spec)
          )
      ])
      if (around !== surroundings) rendered.clear()
      surroundings = around
      byDigest = new Map()
      answers = new Map()
      for (const profile of profiles) {
        const key = keyOf(profile)
        if (profile.spec.seccomp === undefined) continue
        const abis = Object.keys(profile.status?.observed ?? {}).sort()
        const essence = JSON.stringify([profile.spec, abis])
        let known = rendered.get(key)
        if (known?.essence !== essence) {
          known = render(profile, resolve, essence)
          rendered.set(key, known)
        }
        const state = states.get(key)
        if (known === undefined || state === undefined) continue
        if (state.enforce !== undefined) byDigest.set(state.enforce.digest, known.enforce)
        if (state.audit !== undefined) byDigest.set(state.audit.digest, known.audit)
      }
      for (const key of rendered.keys()) if (!all.has(key)) rendered.delete(key)
      const judge = (revision: RevisionState): RevisionState => ({
        ...revision,
        withinDefault: within(revision.digest, 'runtime-default')
      })
      return new Map(
        [...states].map(([key, state]) => [
          key,
          {
            ...state,
            ...(state.enforce && { enforce: judge(state.enforce) }),
            ...(state.audit && { audit: judge(state.audit) }),
            ...(state.previous && { previous: judge(state.previous) })
          }
        ])
      )
    }
  }
}
