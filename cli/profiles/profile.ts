import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import { readyWait } from '../lib/ready-wait.js'
import { plural } from '../../src/lib/plural.js'
import { quoted } from '../../src/lib/shell-word.js'
import { approvedDigest, isApprovalStale } from '../../src/seccomp/policy/approval.js'
import { approveObserved, planApproval } from '../../src/seccomp/review/approve.js'
import { filteredCallsOf, planArguments } from '../../src/seccomp/review/argument-approval.js'
import {
  allowCommand,
  callerTexts,
  changedWithoutUndecided,
  type Denied,
  type DeniedCall,
  deniedText,
  fateText,
  leftOut,
  undecidedCallsOf,
  withoutUndecided
} from '../../src/seccomp/review/denied-calls.js'
import { diffAgainstObserved, type ObservedDiff } from '../../src/seccomp/review/diff.js'
import { checkSeen, seenOf } from '../../src/seccomp/review/seen.js'
import { approvedNames } from '../../src/seccomp/review/profile-size.js'
import { approvedNeverObserved } from '../../src/seccomp/review/never-observed.js'
import { sizeOfSet } from '../../src/syscalls/syscall-set.js'
import type { ObjectRef, Store } from '../../src/store/store.js'
import { reportFailure } from '../lib/failure.js'
import { type Io, paint, plain } from '../lib/io.js'
import { ruleText } from '../lib/rule-text.js'
import { startCheck } from './start-check.js'

/** Reads a profile. @throws SeccoError NOT_FOUND that names the namespace */
export async function mustGetProfile(store: Store, ref: ObjectRef): Promise<SeccompProfile> {
  const profile = await store.get('SeccompProfile', ref)
  if (profile === undefined) {
    throw new SeccoError(
      'NOT_FOUND',
      `SeccompProfile ${ref.name} does not exist in namespace ${ref.namespace}`,
      {
        hint: `list them with \`secco get profiles -n ${ref.namespace}\`, or choose a namespace with -n`
      }
    )
  }
  return profile
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

/** Prints what approval would add, what it cannot add, and what is approved but was never observed. */
export function printObserved(io: Io, diff: ObservedDiff, title: string): void {
  const beyond = new Set(diff.beyondRuntimeDefault)
  printNames(io, title, diff.toApprove, (name) => {
    const note = beyond.has(name) ? paint(io, 'yellow', '   ! RuntimeDefault denies it') : ''
    return `${paint(io, 'green', `+ ${name}`)}${note}`
  })
  printNames(io, 'Observed, never approved by name', diff.cannotApprove, (name) => `? ${name}`)
  printNames(io, approvedNeverObserved, diff.neverObserved, (name) => paint(io, 'dim', `  ${name}`))
}

/** A denial as a hub lists it; one of an earlier version does not say which of them are open. */
type ListedDenial = Denied & { deleted?: string }

/** Returns the calls that nobody decided, of the denials of a profile; undefined where they are not known. */
export function undecidedOf(
  denials: readonly ListedDenial[] | undefined
): readonly DeniedCall[] | undefined {
  const own = denials?.filter(({ deleted }) => deleted === undefined)
  const isKnown = own?.every(({ state }) => (state as string | undefined) !== undefined)
  return isKnown === true && own !== undefined ? undecidedCallsOf(own) : undefined
}

/** Returns the lines about calls that no approval takes unless a person names them, with the command that does. */
export function undecidedLines(io: Io, key: string, calls: readonly DeniedCall[]): string {
  if (calls.length === 0) return ''
  const lines = calls.flatMap((one) => [
    `${paint(io, 'red', `x ${one.call}`)}   ${plain(`${fateText(one)}, ${deniedText(one)}`)}`,
    ...callerTexts(one).map((text) => paint(io, 'dim', `    ${plain(text)}`))
  ])
  const command = allowCommand(key, calls)
  const next = command === undefined ? [] : [`  to allow what the program needs: ${command}`]
  return `${[`Denied or logged, approved by name only (${calls.length}):`, ...lines, ...next].join('\n')}\n`
}

interface ApproveArgs {
  by: string
  at: string
  reason: string | undefined
  dryRun: boolean
  /** Calls whose learned arguments become conditions; `default` is a list of them. */
  arguments?: readonly string[]
  /** In a cluster the approval is part of the spec, where the API server checks its writer. */
  bind?: boolean
  /** Digest of what was reviewed: nothing else is approved. */
  digest?: string | undefined
  /** Approve although a rule enforces it at once and no start was recorded. */
  force?: boolean
  /** Lists the denials of a profile; undefined where nobody can be asked. What was denied or logged is not approved. */
  denialsOf?: (ref: ObjectRef) => Promise<readonly ListedDenial[] | undefined>
}

const deniedNotKnown =
  'warning: what was denied or logged is not known, because no hub answers: it is approved too where it was observed'

/** Checks that the result is what the approver reviewed. @throws SeccoError APPROVAL_INVALID */
function checkDigest({ metadata, spec }: SeccompProfile, digest: string | undefined): void {
  const now = approvedDigest(spec)
  if (digest === undefined || now === digest) return
  throw new SeccoError(
    'APPROVAL_INVALID',
    `${metadata.namespace ?? ''}/${metadata.name}: approving would give ${now} now, not ${digest}`
  )
}

/** Prints the conditions that a syscall gets, and the values that cannot be filtered. */
function printPlan(io: Io, profile: SeccompProfile, name: string): void {
  if (!Object.values(profile.status?.observed ?? {}).some((names) => names.includes(name))) return
  const { alternatives, denied, notes } = planArguments(profile, name)
  for (const args of alternatives)
    io.stdout(`${paint(io, 'green', `+ ${ruleText({ name, args })}`)}\n`)
  if (alternatives.length === 0) io.stderr(`${name}: stays without conditions\n`)
  for (const value of denied)
    io.stderr(`${name} with ${value}: RuntimeDefault denies it, left out\n`)
  for (const note of notes) io.stderr(`${name}: ${note}\n`)
}

/** Returns how a person forces an approval. */
const forcedApproval = (key: string): string =>
  `run \`secco profile approve ${quoted(key)} --force --reason WHY\``

/** Approves what was observed of one profile. Returns whether anything was approved. */
async function approveOne(
  io: Io,
  store: Store,
  ref: ObjectRef,
  args: ApproveArgs
): Promise<boolean> {
  const before = await mustGetProfile(store, ref)
  const name = quoted(`${ref.namespace}/${ref.name}`)
  const { approval } = before.spec
  const isStale = isApprovalStale(before.spec)
  if (sizeOfSet(before.status?.observed ?? {}) === 0 && !isStale) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `${ref.namespace}/${ref.name}: nothing was observed yet, so there is nothing to approve`,
      {
        hint: `run its workload on a node with a satellite, then look at \`secco profile show ${name}\``
      }
    )
  }
  const checkStart = await startCheck(store, ref.namespace, {
    ...{ force: args.force, nevertheless: forcedApproval }
  })
  const known = undecidedOf(await args.denialsOf?.(ref))
  if (known === undefined && before.spec.seccomp !== undefined) io.stderr(`${deniedNotKnown}\n`)
  const undecided = known ?? []
  const view = withoutUndecided(before, undecided)
  const plan = planApproval(view)
  const left = undecidedLines(io, `${ref.namespace}/${ref.name}`, leftOut(before, undecided))
  const decision = {
    by: args.by,
    at: args.at,
    arguments: args.arguments ?? [],
    bind: args.bind === true,
    ...(args.reason === undefined ? {} : { reason: args.reason })
  }
  const approve = (profile: SeccompProfile) =>
    changedWithoutUndecided(profile, undecided, (one) => approveObserved(one, decision))
  const proposed = approve(before)
  checkStart(before, proposed)
  checkDigest(proposed, args.digest)
  const isNew = proposed.spec !== before.spec
  io.stderr(left)
  const isEmpty = left !== '' && plan.adds.length === 0
  if (before.spec.seccomp === undefined ? isEmpty : !isNew) {
    io.stderr(`nothing new to approve in ${ref.namespace}/${ref.name}\n`)
    return false
  }
  if (isStale)
    io.stderr(`the spec is not what ${approval?.by ?? ''} approved: this approves it as it is\n`)
  printObserved(io, diffAgainstObserved(view), 'Added')
  for (const name of filteredCallsOf(before, decision.arguments)) printPlan(io, view, name)
  for (const { name, reason } of plan.skipped) io.stderr(`not approved: ${name}: ${reason}\n`)
  if (args.dryRun) {
    io.stderr('dry run: nothing was changed\n')
    const digest = approvedDigest(proposed.spec)
    io.stderr(`  next: secco profile approve ${name} --digest ${digest} --reason WHY\n`)
    return false
  }
  const after = await store.update('SeccompProfile', ref, (profile) => {
    // What was printed: observations and other approvals may arrive until now.
    checkSeen(profile, seenOf(before))
    const approved = approve(profile)
    checkDigest(approved, approvedDigest(proposed.spec))
    checkStart(profile, approved)
    return approved
  })
  const count = plural(approvedNames(after).size, 'call')
  const what = `approved ${ref.namespace}/${ref.name}: ${count} by name`
  io.stderr(`${what}; the hub renders the revision, with base and families, and delivers it\n`)
  return true
}

/** `secco profile approve NAME…`: approves what was observed of each. One that cannot be approved keeps no other from it. */
export async function approveProfiles(
  io: Io,
  store: Store,
  refs: readonly ObjectRef[],
  args: ApproveArgs
): Promise<number> {
  let code = 0
  const approved = new Map<string, string[]>()
  for (const ref of refs) {
    if (refs.length > 1) io.stdout(`${ref.namespace}/${ref.name}\n`)
    try {
      if (await approveOne(io, store, ref, args))
        approved.set(ref.namespace, [...(approved.get(ref.namespace) ?? []), ref.name])
    } catch (error) {
      if (refs.length === 1) throw error
      code = reportFailure(io, error)
    }
  }
  for (const [namespace, names] of approved) {
    if (args.bind === true) io.stderr(`  ${readyWait(namespace, names)}\n`)
    io.stderr(`  next: see it arrive with \`secco get profiles -n ${namespace}\`\n`)
  }
  return code
}
