import type { RevisionRef } from '../../src/api/gen/hub.js'

/** KnownRevisions remembers every revision that this node holds or held, by digest. */
export class KnownRevisions {
  readonly #byDigest = new Map<string, RevisionRef[]>()

  /** Adds revisions. Returns true if one of them was not known. */
  add(revisions: readonly RevisionRef[]): boolean {
    let grew = false
    for (const ref of revisions) {
      const known = this.#byDigest.get(ref.digest) ?? []
      const isKnown = known.some(
        ({ namespace, profile }) => namespace === ref.namespace && profile === ref.profile
      )
      if (isKnown) continue
      this.#byDigest.set(ref.digest, [...known, ref])
      grew = true
    }
    return grew
  }

  withDigest(digest: string): readonly RevisionRef[] {
    return this.#byDigest.get(digest) ?? []
  }
}
