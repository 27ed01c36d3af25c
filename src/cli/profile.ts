import type { SeccompProfile } from '../api/seccomp-profile.js'
import { rootNamespace } from '../api/names.js'
import { SeccoError } from '../errors.js'
import { approveObserved, planApproval } from '../seccomp/approve.js'
import {
  diffAgainstObserved,
  diffSeccomp,
  isEmptyDiff,
  type ObservedDiff,
  type SeccompDiff
} from '../seccomp/diff.js'
import { parseDocument } from '../seccomp/parse.js'
import { errnoName } from '../seccomp/errno-name.js'
import { sizeOfSet, subtractSets, type SyscallSet } from '../seccomp/syscall-set.js'
import type { ObjectRef, Store } from '../store/store.js'
import { type Io, paint, plain } from './io.js'
import { age, printObject } from './output.js'

/** `NAMESPACE/NAME`, or NAME in the given namespace. */
export function parseRef(text: string, namespace: string): ObjectRef {
  const [first = '', second] = text.split('/', 2)
  return second === undefined ? { namespace, name: first } : { namespace: first, name: second }
}

/** The profile, or NOT_FOUND that says where it was looked for. */
export async function mustGetProfile(store: Store, ref: ObjectRef): Promise<SeccompProfile> {
  const profile = await store.get('SeccompProfile', ref)
  if (profile === undefined) {
    throw new SeccoError(
      'NOT_FOUND',
      `SeccompProfile ${ref.name} does not exist in namespace ${ref.namespace}`,
      {
        hint: 'list them with `secco get profiles -A`; choose a namespace with -n'
      }
    )
  }
  return profile
}

function line(io: Io, label: string, value: string): void {
  io.stdout(`${paint(io, 'bold', `${label}:`.padEnd(14))}${plain(value)}\n`)
}

function printSet(io: Io, label: string, set: SyscallSet | undefined, note: string): void {
  for (const [abi, names] of Object.entries(set ?? {})) {
    if (names.length > 0) line(io, label, `${names.length} on ${abi} (${note}): ${names.join(' ')}`)
  }
}

/** Flags and requests are read in hexadecimal, small numbers as they are. */
function shortHex(value: string): string {
  const number = BigInt(value)
  return number < 10n ? value : `0x${number.toString(16)}`
}

function describe(io: Io, profile: SeccompProfile, now: number): void {
  const { metadata, spec, status } = profile
  line(io, 'Profile', `${metadata.namespace ?? rootNamespace}/${metadata.name}`)
  if (spec.workload !== undefined) {
    const { kind, name, container } = spec.workload
    line(
      io,
      'Learns from',
      `${kind} ${name}${container === undefined ? '' : `, container ${container}`}`
    )
  }
  if (spec.extends !== undefined) line(io, 'Extends', spec.extends.join(', '))
  line(io, 'Revision', status?.revision ?? 'none: nothing is approved yet')
  line(
    io,
    'Nodes',
    status?.nodes === undefined ? '-' : `${status.nodes.ready}/${status.nodes.total} have it`
  )
  for (const [abi, names] of Object.entries(status?.observed ?? {})) {
    line(io, `Observed`, `${names.length} on ${abi}: ${names.join(' ')}`)
  }
  const { startup, serving, probes, sessions } = status ?? {}
  const learnsProbes = spec.learn?.probes !== false
  printSet(io, 'Probes', probes, learnsProbes ? 'in the profile' : 'not in the profile')
  const learnsSessions = spec.learn?.sessions === true
  printSet(io, 'Sessions', sessions, learnsSessions ? 'in the profile' : 'not in the profile')
  printSet(io, 'Serving', serving, 'used after it was ready')
  if (startup !== undefined && serving !== undefined) {
    printSet(io, 'Startup only', subtractSets(startup, serving), 'never used after it was ready')
  }
  for (const { abi, name, index, values, many } of status?.arguments ?? []) {
    const seen = many === true ? 'too many values to list' : values.map(shortHex).join(' ')
    line(io, 'Argument', `${name} ${index} on ${abi}: ${seen}`)
  }
  const instances = (status?.instances ?? []).filter(({ part }) => (part ?? 'entry') === 'entry')
  const whole = instances.filter((instance) => instance.complete).length
  line(
    io,
    'Evidence',
    `${instances.length} instances, ${whole} of them seen from their first instruction`
  )
  for (const { by, at, reason, revision } of status?.approvals ?? []) {
    line(
      io,
      'Approved',
      `by ${by}, ${age(at, now)} ago${reason === undefined ? '' : `: ${reason}`}${revision === '' ? ' (not rendered yet)' : ` (${revision.slice(0, 19)})`}`
    )
  }
  for (const { type, status: state, reason, message } of status?.conditions ?? []) {
    line(io, type, `${state} (${reason}) ${message}`)
  }
  printObserved(io, diffAgainstObserved(profile), 'Approving now would add')
}

function printNames(
  io: Io,
  title: string,
  names: readonly string[],
  mark: (name: string) => string
): void {
  if (names.length > 0)
    io.stdout(`${title} (${names.length}):\n${names.map((name) => `${mark(name)}\n`).join('')}`)
}

function printObserved(io: Io, diff: ObservedDiff, title: string): void {
  const beyond = new Set(diff.beyondRuntimeDefault)
  printNames(io, title, diff.toApprove, (name) => {
    const note = beyond.has(name) ? paint(io, 'yellow', '   ! RuntimeDefault refuses it') : ''
    return `${paint(io, 'green', `+ ${name}`)}${note}`
  })
  printNames(io, 'Observed, never approved by name', diff.cannotApprove, (name) => `? ${name}`)
  printNames(io, 'Allowed, yet never observed', diff.neverObserved, (name) =>
    paint(io, 'dim', `  ${name}`)
  )
}

function printDiff(io: Io, diff: SeccompDiff, left: string, right: string): void {
  printNames(io, `Only in ${right}`, diff.added, (name) => paint(io, 'green', `+ ${name}`))
  printNames(io, `Only in ${left}`, diff.removed, (name) => paint(io, 'red', `- ${name}`))
  for (const { name, from, to } of diff.changed) {
    io.stdout(`${paint(io, 'yellow', `~ ${name}`)}   ${from} -> ${to}\n`)
  }
  if (diff.defaultChanged !== undefined) {
    io.stdout(
      `${paint(io, 'yellow', '~ default')}   ${diff.defaultChanged.from} -> ${diff.defaultChanged.to}\n`
    )
  }
}

/** A denial as the running hub's API gives it. */
export interface Refusal {
  namespace: string
  profile: string
  container: string
  syscall: string
  action: string
  count: number
  lastSeen: string
  errno: number
  signal: string
  pid: number
  comm: string
  expected: boolean
  succeeded: number
}

function refusalText(refusal: Refusal, now: number): string {
  const { container, syscall, count, action, lastSeen, errno, signal, pid, comm } = refusal
  const answer = signal !== '' ? ` ${signal}` : errno > 0 ? ` ${errnoName(errno)}` : ''
  const caller = pid > 0 ? `, newest by ${comm} (pid ${pid})` : ''
  const wrong = refusal.succeeded > 0 ? `, YET IT SUCCEEDED ${refusal.succeeded} ×` : ''
  return `${syscall} ${count} × in ${container} (${action}${answer}${caller}), last ${age(lastSeen, now)} ago${wrong}`
}

/** `secco profile show NAME`. */
export async function showProfile(
  io: Io,
  store: Store,
  ref: ObjectRef,
  args: { output: 'table' | 'json' | 'yaml'; now: number; refusals: readonly Refusal[] }
): Promise<number> {
  const profile = await mustGetProfile(store, ref)
  if (args.output === 'table') {
    describe(io, profile, args.now)
    for (const refusal of args.refusals) {
      if (refusal.count <= 0) continue
      const label = refusal.expected ? 'On purpose' : 'Refused'
      line(io, label, refusalText(refusal, args.now))
    }
  } else printObject(io, args.output, profile)
  return 0
}

export interface ApproveArgs {
  by: string
  at: string
  reason: string | undefined
  dryRun: boolean
}

/** `secco profile approve NAME`: what was observed becomes what is approved. */
export async function approveProfile(
  io: Io,
  store: Store,
  ref: ObjectRef,
  args: ApproveArgs
): Promise<number> {
  const before = await mustGetProfile(store, ref)
  if (sizeOfSet(before.status?.observed ?? {}) === 0) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `${ref.namespace}/${ref.name}: nothing was observed yet, so there is nothing to approve`,
      {
        hint: 'let its workload run under a satellite first, then look with `secco profile show`'
      }
    )
  }
  const plan = planApproval(before)
  if (plan.adds.length === 0 && before.spec.seccomp !== undefined) {
    io.stderr(`nothing new to approve in ${ref.namespace}/${ref.name}\n`)
    return 0
  }
  const decision = {
    by: args.by,
    at: args.at,
    ...(args.reason === undefined ? {} : { reason: args.reason })
  }
  printObserved(io, diffAgainstObserved(before), 'Added')
  for (const { name, reason } of plan.skipped) io.stderr(`not approved: ${name}: ${reason}\n`)
  if (args.dryRun) {
    io.stderr('dry run: nothing was changed\n')
    return 0
  }
  const after = await store.update('SeccompProfile', ref, (profile) =>
    approveObserved(profile, decision)
  )
  const names = new Set((after.spec.seccomp?.syscalls ?? []).flatMap((rule) => rule.names))
  io.stderr(
    `approved ${ref.namespace}/${ref.name}: ${names.size} syscalls; the hub renders and delivers the revision\n`
  )
  io.stderr(`  next: see it arrive with \`secco get profiles -n ${ref.namespace}\`\n`)
  return 0
}

/** A profile to compare: `-f`-like path when it ends in .yaml, .yml or has a `/` that is a file, else a name in the store. */
async function side(
  io: Io,
  store: Store,
  text: string,
  namespace: string
): Promise<SeccompProfile> {
  if (!/\.ya?ml$/.test(text)) return mustGetProfile(store, parseRef(text, namespace))
  const document = parseDocument(await io.readFile(text), text)
  if (document.kind !== 'SeccompProfile') {
    throw new SeccoError(
      'INVALID_DOCUMENT',
      `${text}: kind: is ${document.kind}, and a SeccompProfile is compared`,
      { field: 'kind' }
    )
  }
  return document
}

/**
 * `secco profile diff A [B]`: the approved parts of two profiles, or of one against what was observed.
 * Exit code 0: the same, 1: they differ, 2: an error (thrown).
 */
export async function diffProfiles(
  io: Io,
  store: Store,
  args: {
    left: string
    right: string | undefined
    namespace: string
    output: 'table' | 'json' | 'yaml'
  }
): Promise<number> {
  const left = await side(io, store, args.left, args.namespace)
  if (args.right === undefined) {
    const diff = diffAgainstObserved(left)
    if (args.output === 'table') printObserved(io, diff, 'Observed, not approved')
    else printObject(io, args.output, diff)
    return diff.toApprove.length + diff.cannotApprove.length + diff.neverObserved.length === 0
      ? 0
      : 1
  }
  const nothing = { defaultAction: 'SCMP_ACT_ERRNO' as const }
  const right = await side(io, store, args.right, args.namespace)
  const diff = diffSeccomp(left.spec.seccomp ?? nothing, right.spec.seccomp ?? nothing)
  if (args.output === 'table') printDiff(io, diff, args.left, args.right)
  else printObject(io, args.output, diff)
  return isEmptyDiff(diff) ? 0 : 1
}
