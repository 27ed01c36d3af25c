import { setTimeout } from 'node:timers/promises'
import type { Assigned } from '../../../src/confinement/assigned.js'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { rootNamespace } from '../../../src/api/names.js'
import { modeOfRendering } from '../../../src/confinement/profile-kind.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import { riskReport } from '../../../src/seccomp/review/risk-score.js'
import { namedRevision, profileOfPath } from '../../../src/rules/revision-names.js'
import { Listeners } from '../../../src/lib/listeners.js'
import type { Running } from '../../hub/nodes/inventory.js'
import { seccompLikeDefault } from './like-default.js'
import type { ContainerIdentity } from './pod-facts.js'
import type { ConfinementSources } from './sources.js'

export interface KnownRevision {
  /** `namespace/name`. */
  profile: string
  digest: string
  mode: 'audit' | 'enforce'
}

/** NamedRevision is a revision with the other profiles that may be meant: they have the same content. */
export interface NamedRevision extends KnownRevision {
  /** Empty where something names the profile. */
  others: readonly string[]
}

const mostRemembered = 20_000
const mostFilters = 2000
/** Nodes may have to be asked for a filter. */
const settleMs = 1000
const none: readonly KnownRevision[] = []

/** RevisionIndex finds the profile, the mode and the risk of a revision by its digest. */
export class RevisionIndex {
  readonly runtimeDefaultRisk = riskReport({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: []
  }).runtimeDefault
  readonly #known = new Map<string, KnownRevision[]>()
  /** The same lists by profile. */
  readonly #lists = new WeakMap<readonly KnownRevision[], ReadonlyMap<string, KnownRevision>>()
  /** By digest; undefined while the bytes are being read. */
  readonly #risks = new Map<string, number | undefined>()
  /** By what differs from RuntimeDefault. */
  readonly #like = new Map<string, number>()
  readonly #filters = new Map<string, LinuxSeccomp>()
  #filtersRead = 0
  readonly #reading = new Map<string, Promise<void>>()
  readonly #listeners = new Listeners()
  /** The profiles' states that were read last. */
  #states: unknown
  /** Digests about which more is known than `takeNews` has said. */
  #news = new Set<string>()

  readonly #sources: Pick<ConfinementSources, 'hub' | 'profiles'>

  constructor(sources: Pick<ConfinementSources, 'hub' | 'profiles'>) {
    this.#sources = sources
  }

  /** Reads what profiles render to now. Earlier revisions are remembered. */
  refresh(): void {
    const now = this.#sources.hub.profiles()
    if (now === this.#states) return
    this.#states = now
    for (const { namespace, name, enforce, audit, previous } of now.values()) {
      const profile = profileKey(namespace, name)
      if (enforce !== undefined) this.#add({ profile, digest: enforce.digest, mode: 'enforce' })
      if (audit !== undefined) this.#add({ profile, digest: audit.digest, mode: 'audit' })
      if (previous !== undefined) this.#add({ profile, digest: previous.digest, mode: 'enforce' })
    }
    for (const { metadata, status } of this.#sources.profiles()) {
      const profile = profileKey(metadata.namespace ?? rootNamespace, metadata.name)
      for (const { revision } of status?.approvals ?? []) {
        if (revision !== '') void this.#addOlder(profile, revision)
      }
    }
  }

  /**
   * Returns the revision that a container declares, by the profile that was assigned: the note of the webhook on the
   * pod, the container's own label, or the profile that learns from it.
   */
  of(
    running: Running,
    noted: Pick<Assigned, 'profile' | 'revision'> | undefined,
    { learned, namespace }: Pick<ContainerIdentity, 'learned' | 'namespace'>
  ): NamedRevision | undefined {
    const { digest } = running
    if (digest === '') return undefined
    const assigned = assignedProfile(running, noted)
    const found = this.named(digest, [assigned, learned], namespace)
    if (found !== undefined && (assigned ?? found.profile) === found.profile) return found
    // The index does not know every earlier revision. A file's path names a profile, but not that it was assigned.
    const named = assigned ?? profileOfPath(running.diskPath)
    if (running.declared !== 'revision' || named === undefined) return undefined
    const mode = running.declaredMode === 'audit' ? 'audit' : 'enforce'
    return { profile: named, digest, mode, others: [] }
  }

  /**
   * Returns the revision of a digest. Profiles of equal content share one: those of other namespaces are named only where
   * the namespace has none, because who has equal content elsewhere is not for the people of a namespace.
   * @param likely the profiles that may be meant, the surest first
   */
  named(
    digest: string,
    likely: readonly (string | undefined)[],
    namespace: string
  ): NamedRevision | undefined {
    const list = this.byDigest(digest)
    for (const name of likely) {
      const own = name === undefined ? undefined : this.#byProfile(list).get(name)
      if (own !== undefined) return { ...own, others: [] }
    }
    const here = list.filter(({ profile }) => profile.startsWith(`${namespace}/`))
    const [first, ...more] = [...(here.length > 0 ? here : list)].sort((a, b) =>
      a.profile < b.profile ? -1 : 1
    )
    return first && { ...first, others: more.map(({ profile }) => profile) }
  }

  /** Returns whether a profile has the revision: it may be one of a thousand of equal content. */
  isKnownOf(digest: string, profile: string): boolean {
    return this.#byProfile(this.byDigest(digest)).has(profile)
  }

  /** Returns whether another profile that exists has the revision. */
  isOfOther(digest: string, profile: string, exists: (profile: string) => boolean): boolean {
    return this.byDigest(digest).some((one) => one.profile !== profile && exists(one.profile))
  }

  /** Returns the same list until another profile has the digest too. */
  byDigest(digest: string): readonly KnownRevision[] {
    return this.#known.get(digest) ?? none
  }

  /** Returns 0 to 100, or undefined until the revision's bytes are read. */
  riskOf(digest: string): number | undefined {
    if (!this.#risks.has(digest)) void this.#measure(digest)
    return this.#risks.get(digest)
  }

  /** Returns the risk of RuntimeDefault, or of a profile like it, 0 to 100; undefined where its node did not report it whole. */
  riskLikeDefault(
    running: Pick<Running, 'declared' | 'likeDefault' | 'beyondDefault'>
  ): number | undefined {
    const { declared, likeDefault, beyondDefault } = running
    const denied = declared === 'like-default' ? likeDefault?.denied : []
    const key = JSON.stringify([denied, beyondDefault?.names])
    const known = this.#like.get(key)
    if (known !== undefined) return known
    const seccomp = seccompLikeDefault(running)
    if (seccomp === undefined) return undefined
    const { score } = riskReport(seccomp)
    this.#like.set(key, score)
    dropOldest(this.#like, mostFilters)
    return score
  }

  /** Returns the filter of a revision, or undefined until its bytes are read. */
  seccompOf(digest: string): LinuxSeccomp | undefined {
    const seccomp = this.#filters.get(digest)
    if (seccomp === undefined && digest !== '' && !this.#reading.has(digest)) {
      const reading = this.#read(digest).finally(() => this.#reading.delete(digest))
      this.#reading.set(digest, reading)
    }
    return seccomp
  }

  /** Returns how many filters were read: another number when `seccompOf` may return more. */
  filtersRead(): number {
    return this.#filtersRead
  }

  /** Waits for the filters that are being read, for a moment. Returns whether there were any. */
  async settled(): Promise<boolean> {
    if (this.#reading.size === 0) return false
    const all = Promise.all(this.#reading.values())
    const late = new AbortController()
    const rest = setTimeout(settleMs, undefined, { signal: late.signal, ref: false })
    const before = this.#filtersRead
    await Promise.race([all, rest.catch(() => undefined)])
    late.abort()
    return this.#filtersRead > before
  }

  /** Returns the digests about which more is known than at the last call. */
  takeNews(): ReadonlySet<string> {
    const news = this.#news
    this.#news = new Set()
    return news
  }

  /** Calls back when a mode, a risk or a filter became known after its bytes were read. Returns how to stop. */
  readonly onChange = this.#listeners.add

  async #read(digest: string): Promise<void> {
    const bytes = await this.#sources.hub.bytes(digest).catch(() => undefined)
    if (bytes === undefined) return
    this.#filters.set(digest, JSON.parse(bytes.toString()) as LinuxSeccomp)
    dropOldest(this.#filters, mostFilters)
    this.#filtersRead += 1
    this.#listeners.notify()
  }

  #byProfile(list: readonly KnownRevision[]): ReadonlyMap<string, KnownRevision> {
    const known = this.#lists.get(list)
    if (known !== undefined) return known
    const made = new Map(list.map((one) => [one.profile, one]))
    this.#lists.set(list, made)
    return made
  }

  #add(one: KnownRevision): void {
    const list = this.#known.get(one.digest) ?? []
    if (list.some(({ profile }) => profile === one.profile)) return
    this.#known.set(one.digest, [...list, one])
    this.#news.add(one.digest)
    dropOldest(this.#known, mostRemembered)
  }

  /** Adds an earlier revision. Its mode is read from its bytes. */
  async #addOlder(profile: string, digest: string): Promise<void> {
    if (this.byDigest(digest).some((one) => one.profile === profile)) return
    const bytes = await this.#sources.hub.bytes(digest)
    if (bytes === undefined) return
    const seccomp = JSON.parse(bytes.toString()) as LinuxSeccomp
    this.#add({ profile, digest, mode: modeOfRendering(seccomp) })
    this.#listeners.notify()
  }

  async #measure(digest: string): Promise<void> {
    this.#risks.set(digest, undefined)
    const bytes = await this.#sources.hub.bytes(digest).catch(() => undefined)
    if (bytes === undefined) {
      this.#risks.delete(digest)
      return
    }
    this.#risks.set(digest, riskReport(JSON.parse(bytes.toString()) as LinuxSeccomp).score)
    this.#news.add(digest)
    this.#listeners.notify()
  }
}

/** Returns the profile that the pod's annotation or the container's label names for its digest. */
function assignedProfile(
  running: Running,
  noted: Pick<Assigned, 'profile' | 'revision'> | undefined
): string | undefined {
  const { digest } = running
  if (noted?.revision === digest) return noted.profile
  const assigned = namedRevision(running.assigned)
  return assigned?.digest === digest ? assigned.profile : undefined
}
