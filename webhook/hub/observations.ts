import type { Observation } from '../../src/api/gen/hub.js'
import { type Abi, abis } from '../../src/seccomp/abi.js'
import { setOfCounts, type SyscallCounts, type SyscallSet } from '../../src/seccomp/syscall-set.js'
import { type Target, targetOf } from './workload.js'

/** One refused (or in audit: would-be refused) syscall of one container instance. */
export interface Denial {
  namespace: string
  profile: string
  node: string
  /** Observation id of the container instance, and the container's own id. */
  instance: string
  container: string
  revision: string
  syscall: string
  /** The profile's action, e.g. SCMP_ACT_ERRNO; SCMP_ACT_LOG was let through. */
  action: string
  count: number
  /** RFC 3339. */
  lastSeen: string
}

/** What an observation says, checked, with everything that could not be understood left out. */
export interface Finding {
  target: Target
  id: string
  sequence: number
  /** What succeeded at least once, or was let through and logged. */
  set: SyscallSet
  complete: boolean
  ended: boolean
  lastSeen: string
  denials: Denial[]
  /** What was left out and why. */
  dropped: string[]
}

const syscallForm = /^[a-z0-9_]{1,64}$/
const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/
const mostNames = 1024
const longestText = 512

function isAbi(text: string): text is Abi {
  return (abis as readonly string[]).includes(text)
}

function countsOf(observation: Observation, dropped: string[]): SyscallCounts {
  const counts: SyscallCounts = {}
  for (const { abi, syscalls } of observation.abis) {
    if (!isAbi(abi)) {
      dropped.push(`abi ${JSON.stringify(abi.slice(0, 20))}: accepted are ${abis.join(', ')}`)
      continue
    }
    const byName: Record<string, number> = { ...counts[abi] }
    for (const { name, count } of syscalls.slice(0, mostNames)) {
      if (syscallForm.test(name)) byName[name] = Math.max(byName[name] ?? 0, count)
      else dropped.push(`${abi}: ${JSON.stringify(name.slice(0, 20))} is not a syscall name`)
    }
    if (syscalls.length > mostNames) dropped.push(`${abi}: more than ${mostNames} names`)
    counts[abi] = byName
  }
  return counts
}

/**
 * Counts without what never succeeded: a refused call must not turn up among what a person is asked
 * to approve. A denial names no ABI, so each ABI that counted more calls than were refused keeps the
 * name; SCMP_ACT_LOG let the call through.
 */
function succeeded(counts: SyscallCounts, denied: Observation['denied']): SyscallCounts {
  const refused = new Map(
    denied
      .filter(({ action }) => action !== 'SCMP_ACT_LOG' && action !== 'SCMP_ACT_ALLOW')
      .map(({ name, count }) => [name, count])
  )
  const left: SyscallCounts = {}
  for (const [abi, byName] of Object.entries(counts) as [Abi, Record<string, number>][]) {
    left[abi] = Object.fromEntries(
      Object.entries(byName).filter(([name, count]) => count > (refused.get(name) ?? 0))
    )
  }
  return left
}

/**
 * Reads an observation of a node. Anything may be in it: unknown ABIs and names that are no syscall
 * names are left out and said. A string says why nothing of it can be used.
 */
export function readObservation(observation: Observation, node: string): Finding | string {
  const { id, container } = observation
  if (id === '' || id.length > longestText) return `id: accepted are 1 to ${longestText} characters`
  if (container === undefined) return 'container: is missing'
  const target = targetOf(container)
  if (target === undefined) return 'container: has neither a name nor an id'
  const dropped: string[] = []
  const counts = countsOf(observation, dropped)
  const lastSeen = timeForm.test(observation.lastSeen) ? observation.lastSeen : ''
  const denials = observation.denied
    .filter(({ name, count }) => syscallForm.test(name) && count > 0)
    .slice(0, mostNames)
    .map(({ name, count, action }) => ({
      ...{ namespace: target.ref.namespace, profile: target.ref.name, node, instance: id },
      ...{ container: container.id, revision: observation.revision },
      ...{ syscall: name, action, count, lastSeen }
    }))
  return {
    ...{ target, id, sequence: observation.sequence, denials, dropped, lastSeen },
    ...{ complete: observation.complete, ended: observation.ended },
    set: setOfCounts(succeeded(counts, observation.denied))
  }
}
