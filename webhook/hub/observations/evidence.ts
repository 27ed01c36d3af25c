import type { Static } from 'typebox'
import type { InstanceEvidence } from '../../../src/api/evidence-schema.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import { toBitmap, unionBitmaps } from '../../../src/syscalls/bitmap.js'
import { canonicalJson } from '../../../src/lib/canonical.js'
import { sizeOfSet, type SyscallSet } from '../../../src/syscalls/syscall-set.js'
import { plural } from '../../../src/lib/plural.js'
import { setCondition } from '../status/conditions.js'
import { earlier, joinEvents, later } from './join-findings.js'
import { withLearned } from './learned-status.js'
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
  if (canonicalJson(rest) !== canonicalJson(restBefore)) return true
  if (seenBefore === lastSeen) return false
  return Date.parse(lastSeen) - Date.parse(seenBefore || '1970-01-01T00:00:00Z') >= restMs
}

/** Returns the newest `mostInstances`, sorted by time and then id: the result does not depend on the order of arrival. */
function newest(list: Evidence[]): Evidence[] {
  return list
    .sort((a, b) =>
      a.lastSeen === b.lastSeen ? (a.id < b.id ? -1 : 1) : a.lastSeen < b.lastSeen ? 1 : -1
    )
    .slice(0, mostInstances)
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

/** Returns the evidence of one instance with a finding merged in; the result does not depend on the order. */
function evidenceOf(
  node: string,
  finding: ObservationFinding,
  before: Evidence | undefined
): Evidence {
  const lost = Math.max(finding.lost, before?.lost ?? 0)
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
      events: joinEvents(before?.events ?? [], finding.events),
      observed: withBitmaps(before?.observed, finding.set, abis),
      serving: withBitmaps(before?.serving, finding.serving, ['x86_64', 'aarch64'])
    })
  }
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
  for (const { node, finding } of findings) {
    learned = withLearned(profile.spec, learned, finding)
    const before = instances.get(finding.id)
    const evidence = evidenceOf(node, finding, before)
    if (before === undefined || isFresher(before, evidence)) {
      instances.set(finding.id, evidence)
      fresher = true
    }
  }
  if (learned === status && !fresher) return profile
  const list = newest([...instances.values()])
  const entries = list.filter((one) => (one.part ?? 'entry') === 'entry')
  const running = list.filter(({ ended }) => !ended).length
  const complete = entries.filter((one) => one.complete).length
  const size = sizeOfSet(learned.observed ?? {})
  const conditions = setCondition(
    learned.conditions ?? [],
    {
      type: 'Learning',
      status: running > 0 ? 'True' : 'False',
      reason: running > 0 ? 'InstancesRunning' : 'InstancesEnded',
      message: [
        `${plural(size, 'syscall')} observed in ${plural(entries.length, 'instance')}`,
        `${complete} of them from the first instruction`
      ].join(', '),
      ...(profile.metadata.generation === undefined
        ? {}
        : { observedGeneration: profile.metadata.generation })
    },
    now
  )
  const grew =
    learned.observed === status.observed ? {} : { lastNew: later(status.lastNew ?? '', now) }
  return withSummary({
    ...profile,
    status: { ...learned, ...grew, instances: list, conditions: [...conditions] }
  })
}
