import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { type Bucket, createBucket } from '../../../src/lib/pace.js'
import { largestStatus } from '../stream/read-message.js'
import type { Rejection } from '../stream/rejections.js'

/** HubLimits is how much the hub keeps of what satellites report. */
export interface HubLimits {
  /** Profiles that one node's observations may create: at once, and after that per minute. */
  newProfilesAtOnce: number
  newProfilesPerMinute: number
  /** Profiles in total; beyond that only people create profiles. One namespace gets a share of what is left. */
  profiles: number
  /**
   * New instances of one profile on one node, at once and per minute: a crash loop creates some, a flood thousands. A
   * rollout over many nodes creates thousands, too, but few on each.
   */
  instancesAtOnce: number
  instancesPerMinute: number
  /** Bytes of one observation, and of one node's status. */
  observationBytes: number
  statusBytes: number
}

export const defaultLimits: HubLimits = {
  newProfilesAtOnce: 500,
  newProfilesPerMinute: 60,
  profiles: 20_000,
  instancesAtOnce: 2000,
  instancesPerMinute: 600,
  observationBytes: 512 * 1024,
  statusBytes: largestStatus
}

/** Cardinality limits the number of profiles and instances. It has no clock: callers pass times in ms. */
export interface Cardinality {
  /** Records that a profile exists, or no longer does. */
  known(profile: string): void
  gone(profile: string): void
  /** Returns why the profile must not learn from this node's instance; undefined when it may. */
  admit(node: string, profile: string, instance: string, nowMs: number): Rejection | undefined
}

/** Instances that are remembered as admitted: they count only once. */
const mostInstances = 100_000
/** Profiles on nodes whose instances are limited: one that is forgotten begins with all that it may have at once. */
const mostBuckets = 200_000

/** A namespace with fewer profiles is not limited by what is left of the total. */
const alwaysOfNamespace = 100
/** How many times what is left of the total one namespace may have: alone, four fifths of all. */
const shareOfRest = 4

/** NamespaceCounts is the number of profiles by namespace. */
class NamespaceCounts {
  readonly #counts = new Map<string, number>()

  of(profile: string): number {
    return this.#counts.get(namespaceOf(profile)) ?? 0
  }

  change(profile: string, by: 1 | -1): void {
    const now = this.of(profile) + by
    if (now > 0) this.#counts.set(namespaceOf(profile), now)
    else this.#counts.delete(namespaceOf(profile))
  }
}

const namespaceOf = (profile: string): string => profile.slice(0, profile.indexOf('/'))

export function createCardinality(limits: HubLimits): Cardinality {
  const profiles = new Set<string>()
  /** Profiles that were begun here and are not in the store yet: they count at once. */
  const begun = new Set<string>()
  /** Of profiles, begun ones included. */
  const namespaces = new NamespaceCounts()
  const nodes = new Map<string, Bucket>()
  /** By profile and node. */
  const instances = new Map<string, Bucket>()
  const admitted = new Set<string>()

  function bucketOf(
    map: Map<string, Bucket>,
    key: string,
    perMinute: number,
    burst: number
  ): Bucket {
    const known = map.get(key)
    if (known !== undefined) return known
    const bucket = createBucket(perMinute / 60, burst)
    map.set(key, bucket)
    return bucket
  }

  const isCounted = (profile: string): boolean => profiles.has(profile) || begun.has(profile)

  function newProfile(node: string, profile: string, nowMs: number): Rejection | undefined {
    if (profiles.size + begun.size >= limits.profiles) {
      const message = `there are ${limits.profiles} profiles already: ${profile} is not created`
      return { reason: 'too-many-profiles', message, retryAfter: 3600 }
    }
    const left = limits.profiles - profiles.size - begun.size
    const own = namespaces.of(profile)
    if (own >= Math.max(alwaysOfNamespace, shareOfRest * left)) {
      const message = `its namespace has ${own} profiles, and ${left} are left for all: ${profile} is not created`
      return { reason: 'too-many-profiles', message, retryAfter: 3600 }
    }
    const { newProfilesPerMinute: perMinute, newProfilesAtOnce: burst } = limits
    if (!bucketOf(nodes, node, perMinute, burst).take(nowMs)) {
      const message = `node ${node} creates more than ${perMinute} profiles a minute: ${profile} waits`
      return { reason: 'new-profiles', message, retryAfter: 60 }
    }
    begun.add(profile)
    namespaces.change(profile, 1)
    return undefined
  }

  return {
    known(profile) {
      if (!isCounted(profile)) namespaces.change(profile, 1)
      begun.delete(profile)
      profiles.add(profile)
    },
    gone(profile) {
      if (isCounted(profile)) namespaces.change(profile, -1)
      begun.delete(profile)
      profiles.delete(profile)
    },
    admit(node, profile, instance, nowMs) {
      const key = `${node} ${instance}`
      if (!isCounted(profile)) {
        const rejected = newProfile(node, profile, nowMs)
        if (rejected !== undefined) return rejected
      }
      if (admitted.has(key)) return undefined
      const { instancesPerMinute: perMinute, instancesAtOnce: burst } = limits
      const own = bucketOf(instances, `${profile} ${node}`, perMinute, burst)
      dropOldest(instances, mostBuckets)
      if (!own.take(nowMs)) {
        const rate = `more than ${perMinute} new instances a minute`
        const message = `profile ${profile} gets ${rate} from node ${node}`
        return { reason: 'too-many-instances', message, retryAfter: 60 }
      }
      if (admitted.size >= mostInstances) admitted.clear()
      admitted.add(key)
      return undefined
    }
  }
}
