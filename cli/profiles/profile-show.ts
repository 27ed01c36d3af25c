import { ruleModeOf } from '../../src/confinement/rule-mode.js'
import { rulesFor } from '../../src/confinement/rules-for.js'
import { firstPoints } from '../../src/seccomp/review/risk-score.js'
import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { pinOf, pinText } from '../../src/confinement/pin.js'
import { startRiskOf } from '../../src/seccomp/review/start-risk.js'
import { seenOf } from '../../src/seccomp/review/seen.js'
import { servingText, startupOnly, startupOnlyText } from '../../src/seccomp/review/startup-only.js'
import { plural } from '../../src/lib/plural.js'
import { estimateText } from '../../src/seccomp/review/completeness.js'
import { diffAgainstObserved } from '../../src/seccomp/review/diff.js'
import { sizeOfProfile, sizeText } from '../../src/seccomp/review/profile-size.js'
import { errnoName } from '../../src/syscalls/errno-name.js'
import { labelModeText, newPodsText } from '../../src/seccomp/review/new-pods.js'
import { type Review, reviewOf, riskOfProfile } from '../../src/seccomp/review/review.js'
import {
  type DeniedCall,
  knownCallsOf,
  placeOfDenial,
  reviewedCalls,
  withoutUndecided
} from '../../src/seccomp/review/denied-calls.js'
import type { NodeLoss } from '../../src/seccomp/review/lost-calls.js'
import { type SyscallSet } from '../../src/syscalls/syscall-set.js'
import type { ObjectRef, Store } from '../../src/store/store.js'
import { type Io, paint, plain } from '../lib/io.js'
import { age, printObject } from '../lib/output.js'
import { emergencyName } from '../../src/seccomp/render/emergency.js'
import { type TrailEntry, trailOf } from '../../src/seccomp/review/trail.js'
import { mustGetProfile, printObserved, undecidedLines, undecidedOf } from './profile.js'
import { explainRendering, type Rendered } from '../lib/profile-rendering.js'
import { storeResolver } from '../lib/store-resolver.js'
import { foreignName } from '../../src/lib/printed-commands.js'
import { hasHubStatus } from './get.js'

function line(io: Io, label: string, value: string): void {
  io.stdout(`${paint(io, 'bold', `${label}:`.padEnd(15))}${plain(value)}\n`)
}

function printSet(io: Io, label: string, set: SyscallSet | undefined, note: string): void {
  for (const [abi, names] of Object.entries(set ?? {})) {
    if (names.length > 0) line(io, label, `${names.length} on ${abi} (${note}): ${names.join(' ')}`)
  }
}

/** Formats flags and requests in hexadecimal, small numbers as they are. */
function shortHex(value: string): string {
  const number = BigInt(value)
  return number < 10n ? value : `0x${number.toString(16)}`
}

/** Prints the observed sets of single phases, and the argument values. */
function describeParts(io: Io, profile: SeccompProfile): void {
  const { spec, status } = profile
  const { serving, probes, sessions } = status ?? {}
  const learnsProbes = spec.learn?.probes !== false
  printSet(io, 'Probes', probes, learnsProbes ? 'in the profile' : 'not in the profile')
  const learnsSessions = spec.learn?.sessions === true
  printSet(io, 'Sessions', sessions, learnsSessions ? 'in the profile' : 'not in the profile')
  const early = startupOnly(profile)
  if (profile.spec.workload !== undefined || status?.observed !== undefined) {
    line(io, 'While serving', servingText(profile))
    line(io, 'Start-up only', startupOnlyText(early))
  }
  printSet(io, 'After ready', serving, 'used after it was ready')
  printSet(io, 'Before ready', early, 'not seen after it was ready')
  for (const { abi, name, index, values, many } of status?.arguments ?? []) {
    const seen = many === true ? 'too many values to list' : values.map(shortHex).join(' ')
    line(io, 'Argument', `${name} ${index} on ${abi}: ${seen}`)
  }
}

/** Prints what new pods get by the profile's ladder. Without one its rules decide. */
function describeLadder(io: Io, profile: SeccompProfile, rendered: Rendered | undefined): void {
  const { ladder, workload } = profile.spec
  const labelled = labelModeText(profile)
  if (labelled !== undefined) line(io, 'New pods', labelled)
  if (ladder === undefined) return
  const { namespace = rootNamespace, name } = profile.metadata
  const assigned = { namespace, name, workloadKind: workload?.kind ?? '' }
  line(io, 'New pods', newPodsText(assigned, ladder))
  // Without a rendering, only the profile itself says whether its start can fail.
  const seccomp = rendered?.seccomp
  const pin =
    seccomp === undefined
      ? pinOf(profile)
      : pinOf(profile, () => startRiskOf(profile, seccomp, () => undefined))
  if (pin !== undefined) line(io, 'Pin', pinText(pin))
}

function describe(
  io: Io,
  profile: SeccompProfile,
  facts: {
    trail: readonly TrailEntry[]
    now: number
    rendered?: Rendered
    undecided: readonly DeniedCall[]
    isStale: boolean
  }
): void {
  const { trail, now, rendered, undecided, isStale } = facts
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
  const isApproved = spec.seccomp !== undefined || spec.extends !== undefined
  const none = isApproved ? 'the hub has not rendered it yet' : 'nothing is approved yet'
  const isPending = status?.approvals?.at(-1)?.revision === ''
  const pending = isPending ? ', until the hub has rendered the last approval' : ''
  line(io, 'Revision', status?.revision === undefined ? `none: ${none}` : status.revision + pending)
  describeLadder(io, profile, rendered)
  line(
    io,
    'Nodes',
    status?.nodes === undefined ? '-' : `${status.nodes.ready}/${status.nodes.total} have it`
  )
  if (rendered !== undefined) {
    const isDelivered = status?.revision === undefined || status.revision === rendered.digest
    const other = isDelivered ? '' : ', rendered here; the delivered revision is another one'
    line(io, 'Size', sizeText(sizeOfProfile(profile, rendered.seccomp)) + other)
  }
  for (const [abi, names] of Object.entries(status?.observed ?? {})) {
    line(io, 'Observed', `${names.length} on ${abi}: ${names.join(' ')}`)
  }
  describeParts(io, profile)
  for (const { by, at, what, text, revision } of trail) {
    const why = text === '' ? '' : `: ${text}`
    const title = what.charAt(0).toUpperCase() + what.slice(1)
    const result = revision === '' ? 'not rendered yet' : revision.slice(0, 19)
    const made = what === 'approved' ? ` (${result})` : ''
    line(io, title, `by ${by}, ${age(at, now)} ago${why}${made}`)
  }
  for (const { type, status: state, reason, message } of status?.conditions ?? []) {
    const before = type === 'Ready' && isStale ? 'Unknown; the last hub said: ' : ''
    line(io, type, `${before}${state} (${reason}) ${message}`)
  }
  const { neverObserved } = diffAgainstObserved(profile)
  const diff = diffAgainstObserved(withoutUndecided(profile, undecided))
  printObserved(io, { ...diff, neverObserved }, 'Approving now would add')
  const key = `${metadata.namespace ?? rootNamespace}/${metadata.name}`
  io.stdout(undecidedLines(io, key, reviewedCalls(profile, undecided)))
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
  for (const { points, names, reason } of firstPoints(risk, shownPoints)) {
    io.stdout(
      `  ${points.toFixed(1).padStart(5)}  ${reason}${names.length === 0 || names.length > 12 ? '' : `: ${names.join(' ')}`}\n`
    )
  }
}

function describeReview(io: Io, review: Review): void {
  const { evidence, estimate, promotion, lonely } = review
  const present = evidence.filter(({ ok }) => ok).length
  line(io, 'Evidence', `${present} of ${plural(evidence.length, 'item')}`)
  for (const { ok, bad, detail, next } of evidence) {
    const mark = ok ? paint(io, 'green', '✓') : paint(io, bad === true ? 'red' : 'yellow', '✗')
    const text = bad === true ? paint(io, 'red', plain(detail)) : plain(detail)
    io.stdout(`  ${mark} ${text}${next === undefined ? '' : paint(io, 'dim', ` — ${next}`)}\n`)
  }
  line(io, 'Unseen', estimateText(estimate.all))
  for (const phase of ['startup', 'serving'] as const) {
    if (!('tooFew' in estimate[phase])) line(io, `  ${phase}`, estimateText(estimate[phase]))
  }
  describeRisk(io, review)
  for (const { name, node, others, reason } of lonely) {
    const against =
      others === 0
        ? 'no other runs it'
        : `${plural(others, 'other')} ${others === 1 ? 'does' : 'do'} not`
    const who =
      node === '' ? 'no known instance reports it' : `only node ${node} reports it, ${against}`
    line(io, 'One witness', `${name}: ${who}; ${reason}`)
  }
  if (promotion === undefined) return
  line(io, 'Policy', `${promotion.ready ? 'approves' : 'waits'}: ${promotion.reasons.join('; ')}`)
  for (const { name, reason } of promotion.left)
    io.stdout(`  a person decides: ${name}: ${reason}\n`)
}

/** A denial as the API of the running hub reports it. */
export interface ProfileDenial {
  namespace: string
  profile: string
  container: string
  /** Absent, as are pod and workload: from an earlier hub. */
  containerName?: string
  pod?: string
  workload?: string
  syscall: string
  call: string
  state: string
  action: string
  count: number
  lastSeen: string
  errno: number
  signal: string
  pid: number
  comm: string
  expected: boolean
  succeeded: number
  /** The denial is of a deleted profile of the same name; see DenialView. */
  deleted?: string
}

function denialLabel({ expected, action }: ProfileDenial): string {
  if (expected) return 'Intended'
  return action === 'SCMP_ACT_LOG' ? 'Logged' : 'Denied'
}

function denialText(denial: ProfileDenial, now: number): string {
  const { syscall, count, action, lastSeen, errno, signal, pid, comm } = denial
  const answer = signal !== '' ? ` ${signal}` : errno > 0 ? ` ${errnoName(errno)}` : ''
  const caller =
    comm === '' ? '' : `, newest by ${foreignName(comm)}${pid > 0 ? ` (pid ${pid})` : ''}`
  const wrong = denial.succeeded > 0 ? `, YET IT SUCCEEDED ${denial.succeeded} ×` : ''
  return `${syscall} ${count} × in ${placeOfDenial(denial)} (${action}${answer}${caller}), last ${age(lastSeen, now)} ago${wrong}`
}

/** `secco profile show NAME`: prints a profile with evidence, risk and denials. */
export async function showProfile(
  io: Io,
  store: Store,
  ref: ObjectRef,
  args: {
    output: 'table' | 'json' | 'yaml'
    now: number
    denials: readonly ProfileDenial[] | undefined
    /** What nodes did not record; undefined where nobody can be asked. */
    nodes?: readonly NodeLoss[] | undefined
    /** Prints a note when no hub keeps the status up to date, and returns whether none does. */
    noteIfStale?: () => Promise<boolean>
  }
): Promise<number> {
  const profile = await mustGetProfile(store, ref)
  const resolve = await storeResolver(io, store, profile)
  const denials = args.denials?.filter(({ deleted }) => deleted === undefined)
  const undecided = undecidedOf(denials)
  const denied = undecided && denials && knownCallsOf(denials)
  const rules = await rulesFor(store, profile.metadata.namespace)
  const review = reviewOf(
    ...([profile, args.now, resolve, riskOfProfile] as const),
    ...([denied, args.nodes, ruleModeOf(profile, rules)] as const)
  )
  const explained = explainRendering(profile, resolve)
  const { rendered: made, ...rendering } = explained
  const size = sizeOfProfile(profile, made?.seccomp)
  const isStale = hasHubStatus(profile) && (await args.noteIfStale?.()) === true
  if (args.output === 'table') {
    const overlay = resolve(rootNamespace, emergencyName)
    const { rendered } = explained
    const trail = trailOf(profile, overlay)
    const known = { trail, now: args.now, undecided: undecided ?? [], isStale }
    describe(io, profile, { ...known, ...(rendered && { rendered }) })
    describeReview(io, review)
    for (const { subject, reason } of rendering.limits)
      line(io, 'Not decidable', `${subject}: ${reason}`)
    for (const denial of denials ?? []) {
      if (denial.count <= 0 || denial.state === 'muted') continue
      line(io, denialLabel(denial), denialText(denial, args.now))
    }
    line(io, 'Next', review.next)
  } else
    printObject(io, args.output, {
      ...profile,
      review,
      ...(undecided === undefined ? {} : { denied: reviewedCalls(profile, undecided) }),
      rendering,
      size,
      seen: seenOf(profile)
    })
  return 0
}
