import type { SeccompProfile } from '../api/seccomp-profile.js'
import { rootNamespace } from '../api/names.js'
import { SeccoError } from '../errors.js'
import { approveObserved, planApproval } from '../seccomp/approve.js'
import { filteredCallsOf, planArguments } from '../seccomp/argument-approval.js'
import {
  diffAgainstObserved,
  diffSeccomp,
  isEmptyDiff,
  type ObservedDiff,
  type SeccompDiff
} from '../seccomp/diff.js'
import { parseDocument } from '../seccomp/parse.js'
import { sizeOfSet } from '../seccomp/syscall-set.js'
import type { ObjectRef, Store } from '../store/store.js'
import { type Io, paint, plain } from './io.js'
import { age, printObject } from './output.js'
import { explainRendering } from './profile-rendering.js'
import { ruleText } from './rule-text.js'
import { storeResolver } from './store-resolver.js'

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
  const instances = status?.instances ?? []
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
}

/** `secco profile show NAME`. */
export async function showProfile(
  io: Io,
  store: Store,
  ref: ObjectRef,
  args: { output: 'table' | 'json' | 'yaml'; now: number; refusals: readonly Refusal[] }
): Promise<number> {
  const profile = await mustGetProfile(store, ref)
  const rendering = explainRendering(profile, await storeResolver(store))
  if (args.output === 'table') {
    describe(io, profile, args.now)
    for (const { subject, reason } of rendering.limits)
      line(io, 'Not decidable', `${subject}: ${reason}`)
    for (const { container, syscall, count, action, lastSeen } of args.refusals) {
      if (count > 0)
        line(
          io,
          'Refused',
          `${syscall} ${count} × in ${container} (${action}), last ${age(lastSeen, args.now)} ago`
        )
    }
  } else printObject(io, args.output, { ...profile, rendering })
  return 0
}

export interface ApproveArgs {
  by: string
  at: string
  reason: string | undefined
  dryRun: boolean
  /** Calls whose learned arguments become conditions; `default` is a list of them. */
  arguments?: readonly string[]
}

/** The conditions that a call gets, and what cannot be filtered. */
function printPlan(io: Io, profile: SeccompProfile, name: string): void {
  if (!Object.values(profile.status?.observed ?? {}).some((names) => names.includes(name))) return
  const { alternatives, refused, notes } = planArguments(profile, name)
  for (const args of alternatives)
    io.stdout(`${paint(io, 'green', `+ ${ruleText({ name, args })}`)}\n`)
  if (alternatives.length === 0) io.stderr(`${name}: stays without conditions\n`)
  for (const value of refused)
    io.stderr(`${name} with ${value}: RuntimeDefault refuses it, left out\n`)
  for (const note of notes) io.stderr(`${name}: ${note}\n`)
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
  const decision = {
    by: args.by,
    at: args.at,
    arguments: args.arguments ?? [],
    ...(args.reason === undefined ? {} : { reason: args.reason })
  }
  const isNew = approveObserved(before, decision).spec !== before.spec
  if (!isNew && before.spec.seccomp !== undefined) {
    io.stderr(`nothing new to approve in ${ref.namespace}/${ref.name}\n`)
    return 0
  }
  printObserved(io, diffAgainstObserved(before), 'Added')
  for (const name of filteredCallsOf(before, decision.arguments)) printPlan(io, before, name)
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
