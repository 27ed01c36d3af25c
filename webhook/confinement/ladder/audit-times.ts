/**
 * AuditTimes keeps since when profiles are in audit whose mode was set in their document: their history has no
 * step for it. Each scan of all profiles asks for the profiles in audit; the others are forgotten, so that a
 * profile that returns to audit starts again.
 */
interface AuditTimes {
  /** Returns when this revision of the profile was first seen in audit, in milliseconds; now for a new one. */
  since(profile: string, digest: string): number
  /** Ends a scan. */
  endScan(): void
  readonly size: number
}

interface AuditTime {
  digest: string
  at: number
}

export function createAuditTimes(now: () => number): AuditTimes {
  let known = new Map<string, AuditTime>()
  let scanned = new Map<string, AuditTime>()
  return {
    since(profile, digest) {
      const before = scanned.get(profile) ?? known.get(profile)
      const time = before?.digest === digest ? before : { digest, at: now() }
      scanned.set(profile, time)
      return time.at
    },
    endScan() {
      known = scanned
      scanned = new Map()
    },
    get size() {
      return known.size
    }
  }
}
