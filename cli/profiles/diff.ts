import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { reviewedCalls, withoutUndecided } from '../../src/seccomp/review/denied-calls.js'
import type { ObjectRef } from '../../src/store/store.js'
import type { DiffEntry, DiffReport } from '../../src/seccomp/review/diff-report.js'
import { diffReport } from '../../src/seccomp/review/diff-report.js'
import { diffAgainstObserved, isEmptyDiff } from '../../src/seccomp/review/diff.js'
import { readSide, readSides, type SideContext } from './diff-side.js'
import { type Io, paint, plain } from '../lib/io.js'
import { printObject } from '../lib/output.js'
import { printObserved, undecidedLines, undecidedOf } from './profile.js'

const signs = { added: '+', removed: '-', changed: '~' } as const
const colors = { added: 'green', removed: 'red', changed: 'yellow' } as const

function entryLines(io: Io, entry: DiffEntry): string {
  const { name, change, from, to, why, by, risk, beyondRuntimeDefault } = entry
  const values = from === undefined ? '' : `   ${from} -> ${to ?? ''}`
  const notes = [
    ...(beyondRuntimeDefault ? ['RuntimeDefault denies it'] : []),
    ...(risk === undefined ? [] : [`${risk.level} risk: ${risk.reason}`])
  ]
  const marked = notes.length === 0 ? '' : paint(io, 'yellow', `   ! ${notes.join('; ')}`)
  const because = [
    ...(why.length === 0 ? [] : [`because ${why.join('; ')}`]),
    ...(by === undefined ? [] : [`${change} by ${by}`])
  ].map((line) => paint(io, 'dim', `\n    ${plain(line)}`))
  return `${paint(io, colors[change], `${signs[change]} ${name}`)}${values}${marked}${because.join('')}\n`
}

function printReport(io: Io, report: DiffReport): void {
  const { left, right, added, removed, changed, entries, defaultChanged, architectures } = report
  const counts = `${added.length} added, ${removed.length} removed, ${changed.length} changed`
  io.stdout(`${paint(io, 'bold', `${plain(left)} -> ${plain(right)}`)}: ${counts}\n`)
  for (const entry of entries) io.stdout(entryLines(io, entry))
  if (defaultChanged !== undefined) {
    io.stdout(
      `${paint(io, 'yellow', '~ default')}   ${defaultChanged.from} -> ${defaultChanged.to}\n`
    )
  }
  for (const arch of architectures.added)
    io.stdout(`${paint(io, 'green', `+ ${arch}`)}   architecture\n`)
  for (const arch of architectures.removed)
    io.stdout(`${paint(io, 'red', `- ${arch}`)}   architecture\n`)
}

/** Compares what is approved of a profile with what was observed. What was denied or logged has lines of its own. */
async function diffObserved(
  io: Io,
  profile: SeccompProfile,
  { output, denialsOf }: Pick<Parameters<typeof diffProfiles>[1], 'output' | 'denialsOf'>
): Promise<number> {
  const { namespace = rootNamespace, name } = profile.metadata
  const undecided = undecidedOf(await denialsOf?.({ namespace, name }))
  const { neverObserved } = diffAgainstObserved(profile)
  const diff = {
    ...diffAgainstObserved(withoutUndecided(profile, undecided ?? [])),
    neverObserved
  }
  const denied = reviewedCalls(profile, undecided ?? [])
  if (output === 'table') {
    printObserved(io, diff, 'Observed, not approved')
    io.stdout(undecidedLines(io, `${namespace}/${name}`, denied))
  } else printObject(io, output, { ...diff, ...(undecided === undefined ? {} : { denied }) })
  const { toApprove, cannotApprove } = diff
  const changes = [...toApprove, ...cannotApprove, ...neverObserved, ...denied]
  return changes.length === 0 ? 0 : 1
}

/**
 * `secco diff A [B]`: shows what changes from A to B, each syscall with reason, approver and risk. Without B it compares
 * what is approved in A with what was observed. Exit code 0: the same, 1: different, 2: an error (thrown).
 */
export async function diffProfiles(
  context: SideContext,
  args: {
    left: string
    right: string | undefined
    output: 'table' | 'json' | 'yaml'
    denialsOf?: (ref: ObjectRef) => Promise<Parameters<typeof undecidedOf>[0]>
  }
): Promise<number> {
  const { io } = context
  if (args.right === undefined) {
    const { profile } = await readSide(context, args.left)
    if (profile === undefined) return diffProfiles(context, { ...args, right: args.left })
    // A file is no profile of an installation: what was denied to one of its name says nothing about it.
    const isFile = /\.(ya?ml|json)$/.test(args.left)
    const { output, denialsOf } = args
    return diffObserved(io, profile, { output, ...(!isFile && denialsOf && { denialsOf }) })
  }
  const [left, right] = await readSides(context, args.left, args.right)
  const report = diffReport(left, right)
  const { left: a, right: b, entries, ...diff } = report
  const same = isEmptyDiff(diff)
  if (args.output !== 'table') printObject(io, args.output, { left: a, right: b, ...diff, entries })
  else if (!same) printReport(io, report)
  return same ? 0 : 1
}
