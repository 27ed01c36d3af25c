import { type Bucket, createBucket } from '../../../src/lib/pace.js'
import type { Rejection } from '../stream/rejections.js'

/** HubLimits is how much the hub keeps of what satellites report. */
export interface HubLimits {
  /** Profiles that one node's observations may create: at once, and after that per minute. */
  newProfilesAtOnce: number
  newProfilesPerMinute: number
  /** Profiles in total; beyond that only people create profiles. */
  profiles: number
  /** New instances of one profile, at once and per minute: a crash loop creates some, a flood thousands. */
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
  statusBytes: 128 * 1024
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

export function createCardinality(limits: HubLimits): Cardinality {
  const profiles = new Set<string>()
  /** Profiles that were begun here and are not in the store yet: they count at once. */
  const begun = new Set<string>()
  const nodes = new Map<string, Bucket>()
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

  function newProfile(node: string, profile: string, nowMs: number): Rejection | undefined {
    if (profiles.size + begun.size >= limits.profiles) {
      const message = `there are ${limits.profiles} profiles already: ${profile} is not created`
      return { reason: 'too-many-profiles', message, retryAfter: 3600 }
    }
    const { newProfilesPerMinute: perMinute, newProfilesAtOnce: burst } = limits
    if (!bucketOf(nodes, node, perMinute, burst).take(nowMs)) {
      const message = `node ${node} creates more than ${perMinute} profiles a minute: ${profile} waits`
      return { reason: 'new-profiles', message, retryAfter: 60 }
    }
    begun.add(profile)
    return undefined
  }

  return {
    known(profile) {
      begun.delete(profile)
      profiles.add(profile)
    },
    gone(profile) {
      begun.delete(profile)
      profiles.delete(profile)
      instances.delete(profile)
    },
    admit(node, profile, instance, nowMs) {
      const key = `${node} ${instance}`
      if (!profiles.has(profile) && !begun.has(profile)) {
        const rejected = newProfile(node, profile, nowMs)
        if (rejected !== undefined) return rejected
      }
      if (admitted.has(key)) return undefined
      const { instancesPerMinute: perMinute, instancesAtOnce: burst } = limits
      if (!bucketOf(instances, profile, perMinute, burst).take(nowMs)) {
        const message = `profile ${profile} gets more than ${perMinute} new instances a minute`
        return { reason: 'too-many-instances', message, retryAfter: 60 }
      }
      if (admitted.size >= mostInstances) admitted.clear()
      admitted.add(key)
      return undefined
    }
  }
}
