import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { earlierTime, isTime, laterTime } from '../../../src/history/times.js'
import {
  historyName,
  type WorkloadHistory,
  type WorkloadKey
} from '../../../src/history/workload-history.js'
import { forEachAtOnce } from '../../../src/lib/at-once.js'
import { Slices } from '../../../src/lib/slices.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import { type CompiledSelector, selectorMatches } from '../../../src/rules/selector.js'
import { sightingsOf } from '../../../src/seccomp/render/observed-by.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import type { ConfinementSources } from '../containers/sources.js'
import { type Plan, verdictOf } from './simulation-plan.js'

/** EarlierUse is a workload whose earlier runs used what is denied, as far as its profile or its history knows. */
export interface EarlierUse {
  namespace: string
  /** `CronJob/report`. */
  workload: string
  syscalls: string[]
  /** False: its arguments decide, and they are not known well enough. */
  certain: boolean
  /** RFC 3339: when a run that used it was seen last; empty where that is not known. */
  lastUsed: string
  /** RFC 3339: when it was used for the first time; empty where that is not known. */
  firstUsed: string
}

interface EarlierSources {
  profiles: ConfinementSources['profiles']
  hub: {
    history: Pick<
      ConfinementSources['hub']['history'],
      'workloads' | 'workloadsOf' | 'sinceOf' | 'get'
    >
  }
}

interface EarlierQuestion {
  plan: Plan
  /** Only of this profile, `namespace/name`. */
  profile?: string | undefined
  /** Only of pods with these labels. A profile may have them, too: learned ones have none. */
  selector?: CompiledSelector | undefined
  /** Whether what runs of a workload now has the profile or the labels; undefined where none of it runs. */
  isMeant?: (namespace: string, workload: string) => boolean | undefined
  /** Whether the question is about a namespace. */
  isAsked: (namespace: string) => boolean
  /** Whether a running container of the workload is listed with the calls already. */
  isListed: (namespace: string, workload: string) => boolean
}

/** Histories that are read for one question, and how many of them at once. */
const mostHistories = 1000
const readAtOnce = 16

const nameOf = ({ kind, name }: { kind: string; name: string }): string => `${kind}/${name}`

/** Use is a syscall that would be denied, as a profile or a history knows it. */
interface Use {
  syscall: string
  certain: boolean
  first: string
  last: string
}

function createUses() {
  const uses = new Map<string, EarlierUse>()
  return {
    add(namespace: string, workload: string, { syscall, certain, first, last }: Use): void {
      const place = `${namespace} ${workload}`
      const known = uses.get(place)
      const before = known?.firstUsed ?? ''
      uses.set(place, {
        ...{ namespace, workload, certain: certain || known?.certain === true },
        syscalls: [...new Set([...(known?.syscalls ?? []), syscall])].sort(),
        lastUsed: laterTime(known?.lastUsed ?? '', last),
        firstUsed: before === '' || first === '' ? before || first : earlierTime(before, first)
      })
    },
    list: (): EarlierUse[] =>
      [...uses.values()].sort((a, b) =>
        `${a.namespace} ${a.workload}` < `${b.namespace} ${b.workload}` ? -1 : 1
      )
  }
}

type Uses = ReturnType<typeof createUses>

const isAbi = (text: string): text is Abi => (abis as readonly string[]).includes(text)

/** Returns whether a time is before another one, as far as both are known. */
const isBefore = (time: string, other: string): boolean =>
  isTime(time) && isTime(other) && Date.parse(time) < Date.parse(other)

/** Adds what a profile observed of its workload. Probes count, because a block denies their calls, too. */
function addProfile(uses: Uses, profile: SeccompProfile, workload: string, plan: Plan): void {
  const { namespace = '' } = profile.metadata
  const { observed = {}, probes = {}, arguments: learned = [] } = profile.status ?? {}
  for (const abi of abis) {
    for (const syscall of new Set([...(observed[abi] ?? []), ...(probes[abi] ?? [])])) {
      const verdict = verdictOf(plan, abi, syscall, learned)
      if (verdict === undefined) continue
      const { first = '', last = '' } = sightingsOf(profile).get(syscall) ?? {}
      uses.add(namespace, workload, { syscall, certain: verdict.certain, first, last })
    }
  }
}

/** KnownProfile is the profile that a workload has now. */
interface KnownProfile {
  key: string
  /** RFC 3339: when it was made; empty where that is not known. */
  created: string
  isObserved: (abi: Abi, syscall: string) => boolean
}

function knownOf({ metadata, status }: SeccompProfile): KnownProfile {
  const { namespace = '', name, creationTimestamp: created = '' } = metadata
  const { observed = {}, probes = {} } = status ?? {}
  const isObserved = (abi: Abi, syscall: string): boolean =>
    observed[abi]?.includes(syscall) === true || probes[abi]?.includes(syscall) === true
  return { key: profileKey(namespace, name), created, isObserved }
}

/** Adds what a history has of a workload, and the profile does not know. It does not have which arguments were used. */
function addHistory(
  uses: Uses,
  { workload, calls, objects = [] }: WorkloadHistory,
  known: KnownProfile | undefined,
  plan: Plan
): void {
  // What was learned before a profile was deleted and made again is in no profile.
  const wasAnother = objects.some(({ profile, since }) => {
    return profile === known?.key && isBefore(since, known.created)
  })
  for (const { abi, names, at } of calls) {
    if (!isAbi(abi)) continue
    const isEarlier = wasAnother && isBefore(at, known?.created ?? '')
    for (const syscall of names) {
      if (!isEarlier && known?.isObserved(abi, syscall) === true) continue
      const verdict = verdictOf(plan, abi, syscall, [])
      if (verdict === undefined) continue
      const { certain } = verdict
      uses.add(workload.namespace, nameOf(workload), { syscall, certain, first: at, last: '' })
    }
  }
}

/** Place is whether a question is about a workload. */
type Place = 'in' | 'out' | 'unknown'

/** Returns whether a question is about the workload of a profile. */
function placeOfProfile(
  profile: SeccompProfile,
  workload: string,
  question: EarlierQuestion
): Place {
  const { namespace = '', name, labels = {} } = profile.metadata
  const { profile: only, selector, isMeant } = question
  const isOwn = only === undefined || profileKey(namespace, name) === only
  if (isOwn && selector === undefined) return 'in'
  const meant = isMeant?.(namespace, workload)
  if (meant !== undefined) return meant ? 'in' : 'out'
  if (!isOwn) return 'out'
  return selector !== undefined && selectorMatches(selector, labels) ? 'in' : 'unknown'
}

/** Returns whether a question is about a workload without a profile. */
function createPlaceOfOther({ profiles, hub }: EarlierSources, question: EarlierQuestion) {
  const { profile: only, selector, isMeant } = question
  const asked = profiles().find(
    ({ metadata: { namespace = '', name } }) => profileKey(namespace, name) === only
  )
  const learned = new Set(
    (only === undefined ? [] : hub.history.workloadsOf(only)).map((one) => historyName(one))
  )
  return (one: WorkloadKey): Place => {
    if (only === undefined && selector === undefined) return 'in'
    if (learned.has(historyName(one))) return 'in'
    const meant = isMeant?.(one.namespace, nameOf(one))
    if (meant !== undefined) return meant ? 'in' : 'out'
    return asked?.spec.workload === undefined ? 'unknown' : 'out'
  }
}

interface OpenHistory {
  one: WorkloadKey
  place: Place
  known?: KnownProfile
}

/** EarlierAnswer is who used what is denied in an earlier run. */
interface EarlierAnswer {
  workloads: EarlierUse[]
  /** Workloads whose histories were not read. */
  unread: number
  /** Workloads that used it, or may have, and of which nobody knows whether they are meant: their pods are gone. */
  unplaced: number
}

/**
 * Returns the workloads that used what is denied in an earlier run: a CronJob between two runs and a Deployment without
 * replicas have no running container. Profiles know what their workloads used; histories are read for the other ones, and
 * for those that are older than their profile.
 */
export async function earlierUse(
  sources: EarlierSources,
  question: EarlierQuestion
): Promise<EarlierAnswer> {
  const { profiles, hub } = sources
  const { plan, isAsked, isListed } = question
  const uses = { in: createUses(), unknown: createUses() }
  const slices = new Slices()
  const covered = new Map<string, { place: Place; known: KnownProfile }>()
  for (const profile of profiles()) {
    const { namespace = '' } = profile.metadata
    const { workload } = profile.spec
    if (workload === undefined || profile.status?.observed === undefined) continue
    if (!isAsked(namespace)) continue
    const name = nameOf(workload)
    const place = placeOfProfile(profile, name, question)
    const at = [namespace, name, workload.container ?? ''].join(' ')
    covered.set(at, { place, known: knownOf(profile) })
    if (place !== 'out' && !isListed(namespace, name)) addProfile(uses[place], profile, name, plan)
    await slices.pause()
  }
  const placeOfOther = createPlaceOfOther(sources, question)
  const openOf = (one: WorkloadKey): OpenHistory[] => {
    if (!isAsked(one.namespace) || isListed(one.namespace, nameOf(one))) return []
    const [own] = [one.container, ''].flatMap(
      (container) => covered.get([one.namespace, nameOf(one), container].join(' ')) ?? []
    )
    const open = own === undefined ? { one, place: placeOfOther(one) } : { one, ...own }
    const isKnown = own !== undefined && !isBefore(hub.history.sinceOf(one), own.known.created)
    return open.place === 'out' || isKnown ? [] : [open]
  }
  const open = hub.history.workloads().flatMap(openOf)
  let unread = Math.max(0, open.length - mostHistories)
  await forEachAtOnce(open.slice(0, mostHistories), readAtOnce, async ({ one, place, known }) => {
    // A block must not fail because one history cannot be read.
    const history = await hub.history.get(one).catch(() => {
      unread += 1
      return undefined
    })
    if (history !== undefined && place !== 'out') addHistory(uses[place], history, known, plan)
    await slices.pause()
  })
  return { workloads: uses.in.list(), unread, unplaced: uses.unknown.list().length }
}
