import type { Static } from 'typebox'
import type { InstanceEvidence } from '../../../src/api/evidence-schema.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { entryInstances, openEntries } from '../../../src/seccomp/review/counted-instances.js'
import { startUnseenText } from '../../../src/seccomp/review/evidence.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import { toBitmap, unionBitmaps } from '../../../src/syscalls/bitmap.js'
import { sameJson } from '../../../src/lib/same-json.js'
import { sizeOfSet, type SyscallSet } from '../../../src/syscalls/syscall-set.js'
import { withFirstUses } from '../../../src/seccomp/render/first-uses.js'
import { plural } from '../../../src/lib/plural.js'
import { setCondition } from '../status/conditions.js'
import { earlier, joinEvents, later } from './join-findings.js'
import { isLearnedPart, withLearned } from './learned-status.js'
import type { ObservationFinding } from './read-observation.js'
import { withSummary } from '../status/summary.js'

type Evidence = Static<typeof InstanceEvidence>

/** Instances that a profile remembers: the newest. */
export const mostInstances = 64
/** A running instance without new syscalls is written again only after this time. */
const restMs = 60_000

function isFresher(before: Evidence, now: Evidence): boolean {
  const { lastSeen, ...rest } = now
  const { lastSeen: seenBefore, ...restBefore } = before
  if (!sameJson(rest, restBefore)) return true
  if (seenBefore === lastSeen) return false
  return Date.parse(lastSeen) - Date.parse(seenBefore || '1970-01-01T00:00:00Z') >= restMs
}

/**
 * Returns the newest `mostInstances`, sorted by time and then id: the result does not depend on the order of arrival. Beyond
 * them the node that has most loses its oldest: no node replaces what others saw.
 */
function newest(list: Evidence[]): Evidence[] {
  const sorted = list.sort((a, b) =>
    a.lastSeen === b.lastSeen ? (a.id < b.id ? -1 : 1) : a.lastSeen < b.lastSeen ? 1 : -1
  )
  if (sorted.length <= mostInstances) return sorted
  const counts = new Map<string, number>()
  // The place of each among those of its node: the newest of every node come first.
  const placed = sorted.map((one, at) => {
    const place = counts.get(one.node) ?? 0
    counts.set(one.node, place + 1)
    return { one, at, place }
  })
  return placed
    .sort((a, b) => a.place - b.place || a.at - b.at)
    .slice(0, mostInstances)
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one)
}

/** A node may report any time: one in the future would keep its instance among the newest for ever. */
export function notAfter(finding: ObservationFinding, now: string): ObservationFinding {
  const [firstSeen, lastSeen] = [finding.firstSeen, finding.lastSeen]
  if (firstSeen <= now && lastSeen <= now) return finding
  return {
    ...finding,
    firstSeen: earlier(firstSeen, now),
    lastSeen: lastSeen > now ? now : lastSeen
  }
}

type Bitmaps = NonNullable<Evidence['observed']>

function withBitmaps(
  before: Bitmaps | undefined,
  set: SyscallSet,
  wanted: readonly Abi[]
): Bitmaps | undefined {
  const all: Bitmaps = { ...before }
  for (const abi of wanted) {
    const joined = unionBitmaps(before?.[abi] ?? '', toBitmap(abi, set[abi] ?? []))
    if (joined !== '') all[abi] = joined
  }
  return Object.keys(all).length === 0 ? undefined : all
}

/** Leaves out empty members: the object is stored up to 64 times in each profile. */
function present<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(members).filter(
      ([, value]) =>
        value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0)
    )
  ) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

/**
 * Returns how many syscalls the Secco profile of an instance denied to it. In audit it only logs, and what it denies on purpose
 * fails no program. How often each was denied is not kept: the profile would be written with every call.
 */
function deniedCount({ denials }: ObservationFinding): number {
  const failing = denials.filter(
    ({ revision, action, expected }) =>
      revision !== '' && !expected && action !== 'SCMP_ACT_LOG' && action !== 'SCMP_ACT_ALLOW'
  )
  return new Set(failing.map(({ syscall }) => syscall)).size
}

/** Returns the evidence of one instance with a finding merged in; the result does not depend on the order. */
function evidenceOf(
  node: string,
  finding: ObservationFinding,
  before: Evidence | undefined
): Evidence {
  const lost = Math.max(finding.lost, before?.lost ?? 0)
  const denied = Math.max(deniedCount(finding), before?.denied ?? 0)
  return {
    id: finding.id,
    node,
    complete: finding.complete || before?.complete === true,
    ended: finding.ended || before?.ended === true,
    lastSeen: later(before?.lastSeen ?? '', finding.lastSeen),
    part: finding.part,
    ...present({
      firstSeen: earlier(before?.firstSeen ?? '', finding.firstSeen),
      image: later(before?.image ?? '', finding.image),
      kernel: later(before?.kernel ?? '', finding.kernel),
      runtime: later(before?.runtime ?? '', finding.runtime),
      lost: lost > 0 ? lost : undefined,
      denied: denied > 0 ? denied : undefined,
      events: joinEvents(before?.events ?? [], finding.events),
      observed: withBitmaps(before?.observed, finding.set, abis),
      serving: withBitmaps(before?.serving, finding.serving, ['x86_64', 'aarch64'])
    })
  }
}

/** Returns whether the profile has learned everything that a finding brings. */
export function hasLearned(
  { spec, status = {} }: SeccompProfile,
  finding: ObservationFinding
): boolean {
  return withLearned(spec, status, finding) === status
}

/** Returns whether the profile's evidence of the instance stays as it is with a finding from which it learns nothing. */
export function remembers(
  { status }: SeccompProfile,
  node: string,
  finding: ObservationFinding
): boolean {
  const before = status?.instances?.find(({ id }) => id === finding.id)
  return before !== undefined && !isFresher(before, evidenceOf(node, finding, before))
}

/**
 * Returns the profile with findings merged in: the union in `status.observed`, their instances, and the Learning
 * condition. Order, repeats and a second hub change nothing. Returns the same object when there is nothing new.
 */
export function withFindings(
  profile: SeccompProfile,
  findings: readonly { node: string; finding: ObservationFinding }[],
  now: string
): SeccompProfile {
  const status = profile.status ?? {}
  let learned = status
  const instances = new Map((profile.status?.instances ?? []).map((one) => [one.id, one]))
  let fresher = false
  let { firstUsed } = status
  for (const { node, finding } of findings) {
    if (isLearnedPart(profile.spec, finding.part))
      firstUsed = withFirstUses(firstUsed, finding, learned.observed ?? {})
    learned = withLearned(profile.spec, learned, finding)
    const before = instances.get(finding.id)
    const evidence = evidenceOf(node, notAfter(finding, now), before)
    if (before === undefined || isFresher(before, evidence)) {
      instances.set(finding.id, evidence)
      fresher = true
    }
  }
  if (learned === status && !fresher && firstUsed === status.firstUsed) return profile
  const list = newest([...instances.values()])
  const entries = entryInstances({ ...profile, status: { instances: list } })
  const others = list.filter(({ part }) => (part ?? 'entry') !== 'entry')
  const running = openEntries(list).length + others.filter(({ ended }) => !ended).length
  const complete = entries.filter((one) => one.complete).length
  const size = sizeOfSet(learned.observed ?? {})
  const unseen = startUnseenText({ ...profile, status: { instances: list } })
  const conditions = setCondition(
    learned.conditions ?? [],
    {
      type: 'Learning',
      status: running > 0 ? 'True' : 'False',
      reason: running > 0 ? 'InstancesRunning' : 'InstancesEnded',
      message: [
        `${plural(size, 'syscall')} observed in ${plural(entries.length, 'instance')}`,
        `${complete} of them from the first instruction${unseen === '' ? '' : `. ${unseen}`}`
      ].join(', '),
      ...(profile.metadata.generation === undefined
        ? {}
        : { observedGeneration: profile.metadata.generation })
    },
    now
  )
  const grew =
    learned.observed === status.observed ? {} : { lastNew: later(status.lastNew ?? '', now) }
  const used = firstUsed === undefined ? {} : { firstUsed }
  return withSummary({
    ...profile,
    status: { ...learned, ...grew, ...used, instances: list, conditions: [...conditions] }
  })
}
