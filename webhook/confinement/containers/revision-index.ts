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
import type { ConfinementSources } from './sources.js'

export interface KnownRevision {
  /** `namespace/name`. */
  profile: string
  digest: string
  mode: 'audit' | 'enforce'
}

const mostRemembered = 20_000

/** RevisionIndex finds the profile, the mode and the risk of a revision by its digest. */
export class RevisionIndex {
  readonly runtimeDefaultRisk = riskReport({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: []
  }).runtimeDefault
  readonly #known = new Map<string, KnownRevision[]>()
  /** By digest; undefined while the bytes are being read. */
  readonly #risks = new Map<string, number | undefined>()
  readonly #listeners = new Listeners()
  /** The profiles' states that were read last. */
  #states: unknown

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
   * Returns the revision that a container declares. Profiles of equal content share a digest; `noted`, which the
   * webhook wrote on the pod, tells them apart.
   */
  of(running: Running, noted?: Pick<Assigned, 'profile' | 'revision'>): KnownRevision | undefined {
    const { digest } = running
    if (digest === '') return undefined
    const named = profileNamed(running, noted)
    const list = this.byDigest(digest)
    const own = list.find(({ profile }) => profile === named) ?? list[0]
    if (own !== undefined) return own
    if (running.declared !== 'revision' || named === undefined) return undefined
    return { profile: named, digest, mode: running.declaredMode === 'audit' ? 'audit' : 'enforce' }
  }

  byDigest(digest: string): readonly KnownRevision[] {
    return this.#known.get(digest) ?? []
  }

  /** Returns 0 to 100, or undefined until the revision's bytes are read. */
  riskOf(digest: string): number | undefined {
    if (!this.#risks.has(digest)) void this.#measure(digest)
    return this.#risks.get(digest)
  }

  /** Calls back when a mode or a risk became known after its bytes were read. Returns how to stop. */
  readonly onChange = this.#listeners.add

  #add(one: KnownRevision): void {
    const list = this.#known.get(one.digest) ?? []
    if (list.some(({ profile }) => profile === one.profile)) return
    this.#known.set(one.digest, [...list, one])
    dropOldest(this.#known, mostRemembered)
  }

  /** Adds an earlier revision. Its mode is read from its bytes. */
  async #addOlder(profile: string, digest: string): Promise<void> {
    if (this.#known.has(digest)) return
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
    this.#listeners.notify()
  }
}

/** Returns the profile that the pod's annotation, the container's label or the file's path names for its digest. */
function profileNamed(
  running: Running,
  noted: Pick<Assigned, 'profile' | 'revision'> | undefined
): string | undefined {
  const { digest } = running
  if (noted?.revision === digest) return noted.profile
  const assigned = namedRevision(running.assigned)
  return assigned?.digest === digest ? assigned.profile : profileOfPath(running.diskPath)
}
