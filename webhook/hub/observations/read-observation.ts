import type { AbiNames, NodeStatus, Observation } from '../../../src/api/gen/hub.js'
import type { LearnedArgument } from '../../../src/api/evidence-schema.js'
import { cutText } from '../../../src/lib/cut-text.js'
import { knownTime } from '../../../src/history/times.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import { mergeArguments } from '../../../src/seccomp/arguments/merge-arguments.js'
import {
  setOfCounts,
  type SyscallCounts,
  type SyscallSet
} from '../../../src/syscalls/syscall-set.js'
import { eventsInOrder } from '../../../src/history/endings.js'
import { isKnownSyscall } from '../../../src/syscalls/syscall-table.js'
import { type Denial, denialsOf } from '../denials/denial.js'
import { type Target, targetOf } from '../nodes/workload.js'

const parts = ['entry', 'probe', 'session'] as const
export type Part = (typeof parts)[number]

/** ObservationFinding is the checked content of an observation, without the parts that cannot be read. */
export interface ObservationFinding {
  target: Target
  id: string
  sequence: number
  part: Part
  /** Syscalls that succeeded at least once, or were allowed and logged. */
  set: SyscallSet
  /** Parts of `set`: the syscalls used before the instance was ready, and after. */
  startup: SyscallSet
  serving: SyscallSet
  arguments: LearnedArgument[]
  complete: boolean
  ended: boolean
  firstSeen: string
  lastSeen: string
  image: string
  /** e.g. "runc 1.1.5" */
  runtime: string
  kernel: string
  lost: number
  events: string[]
  denials: Denial[]
  /** The parts that cannot be read, and why: all else of the observation counts. */
  unreadable: string[]
  /** Syscalls that are not learned, because nothing shows that the container's filter allowed them. */
  unproven: string[]
}

/** The longest name of a real syscall has 28 characters. */
const syscallForm = /^[a-z0-9_]{1,32}$/
const mostNames = 1024
const longestText = 512
const longestLabel = 128

function isAbi(text: string): text is Abi {
  return (abis as readonly string[]).includes(text)
}

function countsOf(observation: Observation, unreadable: string[]): SyscallCounts {
  const counts: SyscallCounts = {}
  for (const { abi, syscalls } of observation.abis) {
    if (!isAbi(abi)) {
      unreadable.push(`abi ${JSON.stringify(abi.slice(0, 20))}: accepted are ${abis.join(', ')}`)
      continue
    }
    const byName: Record<string, number> = { ...counts[abi] }
    for (const { name, count } of syscalls.slice(0, mostNames)) {
      if (syscallForm.test(name)) byName[name] = Math.max(byName[name] ?? 0, count)
      else unreadable.push(`${abi}: ${JSON.stringify(name.slice(0, 20))} is not a syscall name`)
    }
    if (syscalls.length > mostNames) unreadable.push(`${abi}: more than ${mostNames} names`)
    counts[abi] = byName
  }
  return counts
}

/**
 * Returns the counts without syscalls that never succeeded: a person must not be asked to approve a denied syscall.
 * SCMP_ACT_LOG allows the syscall. A denial without an ABI counts for each of them.
 */
function succeeded(counts: SyscallCounts, denied: Observation['denied']): SyscallCounts {
  const failed = denied.filter(
    ({ action }) => action !== 'SCMP_ACT_LOG' && action !== 'SCMP_ACT_ALLOW'
  )
  const left: SyscallCounts = {}
  for (const [abi, byName] of Object.entries(counts) as [Abi, Record<string, number>][]) {
    const never = new Map<string, number>()
    for (const { name, count, detail } of failed) {
      const isElsewhere = detail !== undefined && detail.abi !== '' && detail.abi !== abi
      if (!isElsewhere) never.set(name, (never.get(name) ?? 0) + count)
    }
    left[abi] = Object.fromEntries(
      Object.entries(byName).filter(([name, count]) => count > (never.get(name) ?? 0))
    )
  }
  return left
}

/** Returns the counts without the syscalls that cannot be distinguished from denied ones. */
function provable(counts: SyscallCounts, unproven: readonly AbiNames[]): SyscallCounts {
  const left: SyscallCounts = { ...counts }
  for (const { abi, names } of unproven) {
    if (!isAbi(abi) || left[abi] === undefined) continue
    const not = new Set(names)
    left[abi] = Object.fromEntries(Object.entries(left[abi]).filter(([name]) => !not.has(name)))
  }
  return left
}

/** Describes the syscalls that are not learned because nothing shows that a filter allowed them. */
function unprovenText(unproven: readonly AbiNames[]): string[] {
  return unproven.flatMap(({ abi, names }) =>
    isAbi(abi) && names.length > 0
      ? [
          `${abi}: ${names
            .filter((name) => syscallForm.test(name))
            .slice(0, 16)
            .join(', ')}`
        ]
      : []
  )
}

/** Returns the names that are in `set`: a phase must not add denied syscalls or invalid names. */
function phaseOf(names: readonly AbiNames[], set: SyscallSet): SyscallSet {
  const phase: SyscallSet = {}
  for (const one of names) {
    if (!isAbi(one.abi)) continue
    const within = new Set(set[one.abi] ?? [])
    const own = [...new Set(one.names)].filter((name) => within.has(name)).sort()
    if (own.length > 0) phase[one.abi] = own
  }
  return phase
}

const valueForm = /^\d{1,20}$/
const largest = (1n << 64n) - 1n

function valuesOf(values: readonly string[]): string[] {
  return values
    .slice(0, mostNames)
    .filter((value) => valueForm.test(value) && BigInt(value) <= largest)
    .map((value) => BigInt(value).toString())
}

/** Returns the arguments of syscalls in `set`: those of denied syscalls are not learned. */
function argumentsOf(observation: Observation, set: SyscallSet): LearnedArgument[] {
  const learned = observation.arguments.slice(0, mostNames).flatMap((one): LearnedArgument[] => {
    const { abi, name, index } = one
    if (!isAbi(abi) || !isKnownSyscall(name) || index > 5) return []
    if (set[abi]?.includes(name) !== true) return []
    const values = valuesOf(one.values)
    if (one.many) return [{ abi, name, index, values: [], many: true }]
    return values.length === 0 ? [] : [{ abi, name, index, values }]
  })
  return mergeArguments(learned)
}

function partOf(text: string): Part {
  return parts.find((part) => part === text) ?? 'entry'
}

/** Returns the runtime with the version that its node reports. */
function runtimeOf(name: string, status: NodeStatus | undefined): string {
  const version = status?.runtimes.find((one) => one.name === name)?.version ?? ''
  return cutText(version === '' ? name : `${name} ${version}`, longestLabel)
}

/**
 * Reads an observation of a node. It can hold anything: unknown ABIs and invalid names are left out and listed in
 * `unreadable`. Returns a text when nothing can be used: the reason.
 * @param given the target, when the API server knows it better than the satellite
 */
export function readObservation(
  observation: Observation,
  node: string,
  status?: NodeStatus,
  given?: Target
): ObservationFinding | string {
  const { container } = observation
  if (observation.id === '' || observation.id.length > longestText)
    return `id: must have 1 to ${longestText} characters`
  // A node must not change the evidence of another one.
  const own = `${node}/`
  const id = observation.id.startsWith(own) ? observation.id : own + observation.id
  if (container === undefined) return 'container: is missing'
  const target = given ?? targetOf(container)
  if (target === undefined) return 'container: has neither a name nor an id'
  const unreadable: string[] = []
  const counts = countsOf(observation, unreadable)
  const lastSeen = knownTime(observation.lastSeen)
  const set = setOfCounts(provable(succeeded(counts, observation.denied), observation.unproven))
  const part = target.isSession === true ? 'session' : partOf(observation.part)
  return {
    ...{ target, id, sequence: observation.sequence, part, set, unreadable, lastSeen },
    ...{ complete: observation.complete, ended: observation.ended },
    unproven: unprovenText(observation.unproven),
    firstSeen: knownTime(observation.firstSeen),
    startup: part === 'entry' ? phaseOf(observation.startup, set) : {},
    serving: part === 'entry' ? phaseOf(observation.serving, set) : {},
    arguments: argumentsOf(observation, set),
    image: cutText(container.image, longestText),
    runtime: runtimeOf(container.runtime, status),
    kernel: cutText(status?.kernel ?? '', longestLabel),
    lost: Math.max(0, Math.trunc(observation.lost)),
    events: eventsInOrder(observation.events),
    denials: denialsOf(observation, { target, node, lastSeen })
  }
}
