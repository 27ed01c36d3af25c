/**
 * Since when profiles are in audit that began there by their document: no history tells it. A look at all
 * profiles asks for those that are; whatever it did not ask for is forgotten, so that one which left audit and
 * comes back waits anew.
 */
export interface MetInAudit {
  /** When this revision of a profile was met in audit first; now, if that is news. In milliseconds. */
  since(profile: string, digest: string): number
  /** The look is over. */
  settle(): void
  readonly size: number
}

export function createMetInAudit(now: () => number): MetInAudit {
  let before = new Map<string, { digest: string; at: number }>()
  let asked: typeof before = new Map()
  return {
    since(profile, digest) {
      const known = asked.get(profile) ?? before.get(profile)
      const one = known?.digest === digest ? known : { digest, at: now() }
      asked.set(profile, one)
      return one.at
    },
    settle() {
      before = asked
      asked = new Map()
    },
    get size() {
      return before.size
    }
  }
}
