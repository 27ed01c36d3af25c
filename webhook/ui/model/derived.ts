import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { rootNamespace } from '../../../src/api/names.js'
import { oncePer } from '../../../src/lib/once-per.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import { type ApprovalPlan, planApproval } from '../../../src/seccomp/review/approve.js'
import type { Resolve } from '../../../src/seccomp/render/approved.js'
import { isEmergency } from '../../../src/seccomp/render/emergency.js'
import { renderProfile, type Rendering } from '../../../src/seccomp/render/render.js'
import { type Completeness, completenessOf } from '../../../src/seccomp/review/completeness.js'
import { type Review, reviewOf } from '../../../src/seccomp/review/review.js'
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

/** A computed value. Profiles are never changed in place, so it holds as long as the parents are the same. */
interface Memo<Value> {
  parents: [string, string, SeccompProfile | undefined][]
  at: number
  value: Value
}

function remembered<Value>(
  memory: WeakMap<SeccompProfile, Memo<Value>>,
  profile: SeccompProfile,
  resolve: Resolve,
  now: number,
  freshMs: number,
  work: (resolve: Resolve) => Value
): Value {
  const known = memory.get(profile)
  const holds =
    known !== undefined &&
    now - known.at < freshMs &&
    known.parents.every(([namespace, name, parent]) => resolve(namespace, name) === parent)
  if (holds) return known.value
  const parents: Memo<Value>['parents'] = []
  const value = work((namespace, name) => {
    const parent = resolve(namespace, name)
    parents.push([namespace, name, parent])
    return parent
  })
  memory.set(profile, { parents, at: now, value })
  return value
}

const reviews = new WeakMap<SeccompProfile, Memo<Review>>()
const completenesses = new WeakMap<SeccompProfile, Memo<Completeness>>()
const renderings = new WeakMap<SeccompProfile, Memo<RenderingResult>>()
const reviewFreshMs = 60_000

/** Returns what approving everything observed would change. */
export const planOf: (profile: SeccompProfile) => ApprovalPlan = oncePer((profile) =>
  planApproval(profile)
)

export type RenderingResult =
  | { rendering: Rendering; problem?: undefined }
  | { rendering?: undefined; problem: string }

/** What pages compute from all profiles. */
export interface Derived {
  byKey: ReadonlyMap<string, SeccompProfile>
  resolve: Resolve
  review(profile: SeccompProfile): Review
  /** The part of a review that lists show. It is much cheaper than a review. */
  completeness(profile: SeccompProfile): Completeness
  /** Whether the risk of a profile is cached, so that its review is cheap. */
  isRiskKnown(profile: SeccompProfile): boolean
  /** The rendering for enforce, or the problem that prevents it. */
  rendering(profile: SeccompProfile): RenderingResult
}

/** Computes what pages need from the current profiles. Values of unchanged profiles are cached. */
export function derivedOf(sources: UiSources, now: number): Derived {
  const byKey = new Map(sources.profiles().map((profile) => [keyOf(profile), profile]))
  const resolve: Resolve = (namespace, name) => byKey.get(`${namespace}/${name}`)
  return {
    byKey,
    resolve,
    review: (profile) =>
      remembered(reviews, profile, resolve, now, reviewFreshMs, (find) =>
        reviewOf(profile, now, find, rememberedRisk)
      ),
    completeness: (profile) =>
      remembered(completenesses, profile, resolve, now, reviewFreshMs, () =>
        completenessOf(profile, now)
      ),
    isRiskKnown: (profile) => isRiskKnown(profile, resolve),
    rendering: (profile) =>
      remembered(renderings, profile, resolve, now, Number.POSITIVE_INFINITY, (find) => {
        try {
          return { rendering: renderProfile(profile, { mode: 'enforce', resolve: find }) }
        } catch (error) {
          return { problem: toSeccoError(error).message }
        }
      })
  }
}

/** Whether a profile belongs to a workload. The emergency overlay does not. */
export function isWorkload(profile: SeccompProfile): boolean {
  return (
    !isEmergency(profile) &&
    (profile.spec.workload !== undefined || profile.status?.observed !== undefined)
  )
}
