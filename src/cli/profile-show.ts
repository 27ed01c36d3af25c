import { rootNamespace } from '../api/names.js'
import type { SeccompProfile } from '../api/seccomp-profile.js'
import { plural } from '../plural.js'
import { estimateText } from '../seccomp/completeness.js'
import { diffAgainstObserved } from '../seccomp/diff.js'
import { type Review, reviewOf } from '../seccomp/review.js'
import type { ObjectRef, Store } from '../store/store.js'
import { type Io, paint, plain } from './io.js'
import { age, printObject } from './output.js'
import { mustGetProfile, printObserved } from './profile.js'
import { resolver } from './profile-export.js'

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
    line(io, 'Observed', `${names.length} on ${abi}: ${names.join(' ')}`)
  }
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

const shownPoints = 5

function describeRisk(io: Io, { risk, problem }: Review): void {
  if (risk === undefined) {
    line(io, 'Risk', `unknown, because it cannot be rendered: ${problem ?? ''}`)
    return
  }
  const fewer = `${risk.fewerThanRuntimeDefault} fewer names than RuntimeDefault`
  const beyond = `${risk.beyondRuntimeDefault.length} beyond it`
  const of = risk.of === 'approved' ? 'approved' : 'if approved as observed'
  line(
    io,
    'Risk',
    `${risk.score} of 100 (RuntimeDefault ${risk.runtimeDefault}), ${of}: ${fewer}, ${beyond}`
  )
  for (const { points, names, reason } of risk.points.slice(0, shownPoints)) {
    io.stdout(
      `  ${points.toFixed(1).padStart(5)}  ${reason}${names.length === 0 || names.length > 12 ? '' : `: ${names.join(' ')}`}\n`
    )
  }
}

function describeReview(io: Io, review: Review): void {
  const { evidence, estimate, promotion } = review
  const met = evidence.filter(({ ok }) => ok).length
  line(io, 'Evidence', `${met} of ${plural(evidence.length, 'item')}`)
  for (const { ok, detail, next } of evidence) {
    const mark = ok ? paint(io, 'green', '✓') : paint(io, 'yellow', '✗')
    io.stdout(
      `  ${mark} ${plain(detail)}${next === undefined ? '' : paint(io, 'dim', ` — ${next}`)}\n`
    )
  }
  line(io, 'Unseen', estimateText(estimate.all))
  for (const phase of ['startup', 'serving'] as const) {
    if (!('tooFew' in estimate[phase])) line(io, `  ${phase}`, estimateText(estimate[phase]))
  }
  describeRisk(io, review)
  if (promotion === undefined) return
  line(io, 'Policy', `${promotion.ready ? 'approves' : 'waits'}: ${promotion.reasons.join('; ')}`)
  for (const { name, reason } of promotion.left)
    io.stdout(`  a person decides: ${name}: ${reason}\n`)
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
  const review = reviewOf(profile, args.now, await resolver(store))
  if (args.output === 'table') {
    describe(io, profile, args.now)
    describeReview(io, review)
    for (const { container, syscall, count, action, lastSeen } of args.refusals) {
      if (count > 0)
        line(
          io,
          'Refused',
          `${syscall} ${count} × in ${container} (${action}), last ${age(lastSeen, args.now)} ago`
        )
    }
    line(io, 'Next', review.next)
  } else printObject(io, args.output, { ...profile, review })
  return 0
}
