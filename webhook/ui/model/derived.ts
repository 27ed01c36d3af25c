import { ruleModeOf } from '../../../src/confinement/rule-mode.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { rootNamespace } from '../../../src/api/names.js'
import { oncePer } from '../../../src/lib/once-per.js'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import { isApprovalStale } from '../../../src/seccomp/policy/approval.js'
import { type ApprovalPlan, planApproval } from '../../../src/seccomp/review/approve.js'
import { extendsRef, type Resolve } from '../../../src/seccomp/render/approved.js'
import {
  emergencyLabel,
  emergencyName,
  isEmergency
} from '../../../src/seccomp/render/emergency.js'
import { builtinProfile } from '../../../src/seccomp/render/builtin.js'
import { renderProfile, type Rendering } from '../../../src/seccomp/render/render.js'
import {
  type DeniedCall,
  knownCallsOf,
  undecidedCallsOf
} from '../../../src/seccomp/review/denied-calls.js'
import { type Completeness, completenessOf } from '../../../src/seccomp/review/completeness.js'
import { quietOf, quietText } from '../../../src/seccomp/review/quiet.js'
import { type Review, reviewOf } from '../../../src/seccomp/review/review.js'
import { type DenialView, isOfDeleted } from '../../views/denial-view.js'
import { lossesOfNodes } from '../../views/view.js'
import type { UiSources } from './sources.js'
import { isRiskKnown, rememberedRisk } from './risk-memory.js'

/** Returns `namespace/name` of a profile. */
export function keyOf(profile: SeccompProfile): string {
  return `${profile.metadata.namespace ?? rootNamespace}/${profile.metadata.name}`
}

/** Returns the path of a profile's page. */
export function profileHref(key: string): string {
  const [namespace = '', name = ''] = key.split('/')
  return `/profiles/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`
}

/** Returns the path of the page of the workload that a profile learns from. */
export function workloadHref(key: string): string {
  const [namespace = '', name = ''] = key.split('/')
  return `/workloads/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`
}

/** What a person knows of a profile: it, that it does not exist, or nothing. */
type Found = SeccompProfile | 'hidden' | undefined
type Find = (namespace: string, name: string) => Found

/** Returns a parent, or throws the same for one that the person may not read, whether it exists or not. */
function readable(found: Found, namespace: string, name: string): SeccompProfile | undefined {
  if (found !== 'hidden') return found
  const text = `profile ${namespace}/${name} is not known to you`
  throw new SeccoError(
    'FORBIDDEN',
    `${text}: it may not exist, or you may not read profiles there`,
    {
      hint: `ask for the role secco-viewer in namespace ${namespace}`
    }
  )
}

/** A computed value. Profiles are never changed in place, so it holds as long as the parents are the same. */
interface Memo<Value> {
  parents: [string, string, Found][]
  /** What else it depends on, as a text. */
  surroundings: string
  at: number
  value: Value
}

interface Surroundings {
  find: Find
  now: number
  freshMs: number
  surroundings?: string
}

function remembered<Value>(
  memory: WeakMap<SeccompProfile, Memo<Value>>,
  profile: SeccompProfile,
  { find, now, freshMs, surroundings = '' }: Surroundings,
  work: (resolve: Resolve) => Value
): Value {
  const known = memory.get(profile)
  const holds =
    known !== undefined &&
    known.surroundings === surroundings &&
    now - known.at < freshMs &&
    known.parents.every(([namespace, name, parent]) => find(namespace, name) === parent)
  if (holds) return known.value
  const parents: Memo<Value>['parents'] = []
  const value = work((namespace, name) => {
    const parent = find(namespace, name)
    parents.push([namespace, name, parent])
    return readable(parent, namespace, name)
  })
  memory.set(profile, { parents, surroundings, at: now, value })
  return value
}

const reviews = new WeakMap<SeccompProfile, Memo<Review>>()
const completenesses = new WeakMap<SeccompProfile, Memo<Completeness>>()
const renderings = new WeakMap<SeccompProfile, Memo<RenderingResult>>()
const reviewFreshMs = 60_000

/** The page that unblocks a call. */
export const unblockHref = '/emergency#h-now'

/** Returns what approving everything observed would change. */
export const planOf: (profile: SeccompProfile) => ApprovalPlan = oncePer((profile) =>
  planApproval(profile)
)

export type RenderingResult =
  | { rendering: Rendering; problem?: undefined }
  | { rendering?: undefined; problem: string }

/** Returns the calls that wait for a decision, and those that no approval takes by itself, by the key of their profile. */
const deniedByProfile = oncePer((denials: readonly DenialView[]) => {
  const groups = new Map<string, DenialView[]>()
  for (const denial of denials) {
    if (isOfDeleted(denial)) continue
    const key = `${denial.namespace}/${denial.profile}`
    const group = groups.get(key) ?? []
    group.push(denial)
    groups.set(key, group)
  }
  return new Map(
    [...groups].map(([key, own]) => {
      return [key, { known: knownCallsOf(own), undecided: undecidedCallsOf(own) }]
    })
  )
})

/** What pages compute from the profiles that the person may read, apart from digests. */
export interface Derived {
  byKey: ReadonlyMap<string, SeccompProfile>
  /** @throws SeccoError FORBIDDEN for a profile that the person may not read */
  resolve: Resolve
  /** What renderings leave out, in words; empty for nothing. */
  unknown: string
  /** The calls that are denied to it now or would be, also the muted ones: a person alone approves one of them. */
  undecided(profile: SeccompProfile): readonly DeniedCall[]
  review(profile: SeccompProfile): Review
  /** The part of a review that lists show. It is much cheaper than a review. */
  completeness(profile: SeccompProfile): Completeness
  /** Whether the risk of a profile is cached, so that its review is cheap. */
  isRiskKnown(profile: SeccompProfile): boolean
  /** The rendering for enforce, or the problem that prevents it. */
  rendering(profile: SeccompProfile): RenderingResult
  /** Whether a profile extends one that the person may not read: its revisions can have content of that one. */
  hasHiddenParent(profile: SeccompProfile): boolean
  /** Returns the digest that the hub delivers: of all profiles, also those that the person may not read. @throws SeccoError */
  digest(profile: SeccompProfile): string
  /** The revision of what is approved now. The status names it only after the hub has rendered it. */
  approved(profile: SeccompProfile): ApprovedRevision
}

export interface ApprovedRevision {
  /** Undefined where nothing is approved. */
  digest: string | undefined
  /** Whether the hub has yet to render it: what the status says is about an earlier revision. */
  isPending: boolean
}

const keyed = (profiles: readonly SeccompProfile[]) =>
  new Map(profiles.map((profile) => [keyOf(profile), profile]))

/** Returns the profiles that a profile extends, directly or not, as far as they are known. */
function ancestorsOf(
  { metadata, spec }: SeccompProfile,
  find: Find,
  known = new Map<string, Found>()
): ReadonlyMap<string, Found> {
  for (const entry of spec.extends ?? []) {
    const { namespace, name } = extendsRef(entry, metadata.namespace ?? rootNamespace)
    const key = `${namespace}/${name}`
    if (known.has(key)) continue
    const found = find(namespace, name)
    known.set(key, found)
    if (found !== undefined && found !== 'hidden') ancestorsOf(found, find, known)
  }
  return known
}

function approvedRevision(profile: SeccompProfile, digestOf: Derived['digest']): ApprovedRevision {
  const { spec, status } = profile
  const delivered = status?.revision
  if (spec.seccomp === undefined && !isApprovalStale(spec))
    return { digest: delivered, isPending: false }
  try {
    const digest = digestOf(profile)
    return { digest, isPending: digest !== delivered }
  } catch {
    // It cannot be rendered: what was delivered stays.
    return { digest: delivered, isPending: false }
  }
}

/** Returns what nodes lost, as far as instances of the profile ran there. */
function lossesAbout({ status }: SeccompProfile, lossy: ReturnType<typeof lossesOfNodes>) {
  const used = new Set((status?.instances ?? []).map(({ node }) => node))
  return lossy.filter(({ name }) => used.has(name))
}

/** Computes what pages need from the current profiles. Values of unchanged profiles are cached. */
export function derivedOf(sources: UiSources, now: number): Derived {
  const [seen, every] = [sources.profiles(), sources.everyProfile()]
  const byKey = keyed(seen)
  const all = every === seen ? byKey : keyed(every)
  const isReadable = (namespace: string) => all === byKey || sources.isReadable(namespace)
  const find: Find = (namespace, name) => {
    const found = byKey.get(`${namespace}/${name}`)
    // What is shipped takes the place of a profile of Secco's own namespace; `unknown` is about the emergency overlay.
    const isReplaced =
      namespace === rootNamespace &&
      (name === emergencyName || builtinProfile(namespace, name) !== undefined)
    return found ?? (isReadable(namespace) || isReplaced ? undefined : 'hidden')
  }
  const resolve: Resolve = (namespace, name) => readable(find(namespace, name), namespace, name)
  const fleet = sources.rendering()
  const surroundings = JSON.stringify(fleet)
  const render = (profile: SeccompProfile, from: Resolve) =>
    renderProfile(profile, { ...fleet, mode: 'enforce', resolve: from })
  const isKnown = sources.denialsKnownSince() !== undefined
  const deniedNow = deniedByProfile(sources.denials())
  const waiting = (profile: SeccompProfile) => deniedNow.get(keyOf(profile))?.known ?? []
  const known = (profile: SeccompProfile) => (isKnown ? waiting(profile) : undefined)
  const rules = sources.rules()
  const lossy = lossesOfNodes(sources.nodes())
  const nodesOf = (profile: SeccompProfile) => lossesAbout(profile, lossy)
  const about = (profile: SeccompProfile) =>
    [known(profile), nodesOf(profile), ruleModeOf(profile, rules)] as const
  const lasting = (profile: SeccompProfile) => ({
    ...{ find, now, freshMs: reviewFreshMs },
    surroundings: JSON.stringify([
      known(profile) ?? null,
      nodesOf(profile),
      // A list that is kept must not say it of earlier.
      quietText(quietOf(profile, now)),
      ruleModeOf(profile, rules) ?? null
    ])
  })
  const digest = (profile: SeccompProfile): string => {
    try {
      return render(profile, (namespace, name) => all.get(`${namespace}/${name}`)).digest
    } catch (error) {
      if (all === byKey) throw error
      // The text of the error can be about a profile that the person may not read.
      render(profile, resolve)
      const text = `${keyOf(profile)} cannot be rendered`
      throw new SeccoError(
        'INVALID_DOCUMENT',
        `${text}: the reason is in profiles that you may not read`
      )
    }
  }
  return {
    byKey,
    resolve,
    digest,
    approved: (profile) => approvedRevision(profile, digest),
    unknown: isReadable(rootNamespace) ? '' : `what ${emergencyLabel} blocks is missing here`,
    review: (profile) =>
      remembered(reviews, profile, lasting(profile), (from) =>
        reviewOf(profile, now, from, rememberedRisk, ...about(profile))
      ),
    completeness: (profile) =>
      remembered(completenesses, profile, lasting(profile), () =>
        completenessOf(profile, now, known(profile), nodesOf(profile))
      ),
    undecided: (profile) => deniedNow.get(keyOf(profile))?.undecided ?? [],
    isRiskKnown: (profile) => isRiskKnown(profile, resolve),
    rendering: (profile) => {
      const freshMs = Number.POSITIVE_INFINITY
      return remembered(renderings, profile, { find, now, freshMs, surroundings }, (from) => {
        try {
          return { rendering: render(profile, from) }
        } catch (error) {
          return { problem: toSeccoError(error).message }
        }
      })
    },
    hasHiddenParent: (profile) => [...ancestorsOf(profile, find).values()].includes('hidden')
  }
}

/** Whether a profile belongs to a workload. The emergency overlay does not. */
export function isWorkload(profile: SeccompProfile): boolean {
  return (
    !isEmergency(profile) &&
    (profile.spec.workload !== undefined || profile.status?.observed !== undefined)
  )
}
