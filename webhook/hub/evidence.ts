import type { Static } from 'typebox'
import type { InstanceEvidence, SeccompProfile } from '../../src/api/seccomp-profile.js'
import { mergeObserved } from '../../src/seccomp/merge.js'
import type { Abi } from '../../src/seccomp/abi.js'
import { sizeOfSet, type SyscallSet } from '../../src/seccomp/syscall-set.js'
import { isKnownSyscall } from '../../src/seccomp/syscall-table.js'
import { plural } from '../../src/plural.js'
import { setCondition } from './conditions.js'
import type { Finding } from './observations.js'

export type Evidence = Static<typeof InstanceEvidence>

/** Instances that a profile remembers: the newest. */
export const mostInstances = 64
/** Beyond so many names in one ABI (the tables have some 380) only real syscalls are taken in. */
const plentyNames = 2048
/** A running instance is written again only when this much time passed: its set says what is new. */
const restMs = 60_000

function later(left: string, right: string): string {
  return left < right ? right : left
}

function isFresher(before: Evidence, now: Evidence): boolean {
  if (before.complete !== now.complete || before.ended !== now.ended) return true
  if (before.lastSeen === now.lastSeen) return false
  return Date.parse(now.lastSeen) - Date.parse(before.lastSeen || '1970-01-01T00:00:00Z') >= restMs
}

/** Newest first by time, then by id, at most `mostInstances`: the same whatever the order of arrival. */
function newest(list: Evidence[]): Evidence[] {
  return list
    .sort((a, b) =>
      a.lastSeen === b.lastSeen ? (a.id < b.id ? -1 : 1) : a.lastSeen < b.lastSeen ? 1 : -1
    )
    .slice(0, mostInstances)
}

/** Invented names of a broken satellite must not fill a profile until it cannot be stored. */
function bounded(set: SyscallSet, before: SyscallSet): SyscallSet {
  const result: SyscallSet = {}
  for (const [abi, names] of Object.entries(set) as [Abi, string[]][]) {
    const plenty = (before[abi]?.length ?? 0) + names.length > plentyNames
    result[abi] = plenty ? names.filter(isKnownSyscall) : names
  }
  return result
}

/**
 * A profile with findings of nodes merged in: `status.observed` by union, the instances they come
 * from, and the Learning condition. Order, repeats and a second hub change nothing. Returns the same
 * object when there is nothing new.
 */
export function withFindings(
  profile: SeccompProfile,
  findings: readonly { node: string; finding: Finding }[],
  now: string
): SeccompProfile {
  let merged = profile
  const instances = new Map((profile.status?.instances ?? []).map((one) => [one.id, one]))
  let fresher = false
  for (const { node, finding } of findings) {
    merged = mergeObserved(merged, bounded(finding.set, merged.status?.observed ?? {}))
    const before = instances.get(finding.id)
    const evidence: Evidence = {
      id: finding.id,
      node,
      complete: finding.complete || before?.complete === true,
      ended: finding.ended || before?.ended === true,
      lastSeen: later(before?.lastSeen ?? '', finding.lastSeen)
    }
    if (before === undefined || isFresher(before, evidence)) {
      instances.set(finding.id, evidence)
      fresher = true
    }
  }
  if (merged === profile && !fresher) return profile
  const list = newest([...instances.values()])
  const running = list.filter(({ ended }) => !ended).length
  const complete = list.filter((one) => one.complete).length
  const size = sizeOfSet(merged.status?.observed ?? {})
  const conditions = setCondition(
    merged.status?.conditions ?? [],
    {
      type: 'Learning',
      status: running > 0 ? 'True' : 'False',
      reason: running > 0 ? 'InstancesRunning' : 'InstancesEnded',
      message: `${plural(size, 'syscall')} observed in ${plural(list.length, 'instance')}, ${complete} of them from the first instruction`
    },
    now
  )
  const grew = merged === profile ? {} : { lastNew: later(profile.status?.lastNew ?? '', now) }
  return {
    ...merged,
    status: { ...merged.status, ...grew, instances: list, conditions: [...conditions] }
  }
}
