import type { Assigned } from '../../../src/confinement/assigned.js'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { rootNamespace } from '../../../src/api/names.js'
import { modeOfRendering } from '../../../src/confinement/profile-kind.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import { riskReport } from '../../../src/seccomp/review/risk-score.js'
import { namedRevision, profileOfPath } from '../../../src/rules/revision-names.js'
import type { Running } from '../../hub/nodes/inventory.js'
import type { TruthSources } from './sources.js'

export interface KnownRevision {
  /** `namespace/name`. */
  profile: string
  digest: string
  mode: 'audit' | 'enforce'
}

/** Which profile a digest belongs to, how it was rendered, and how risky it is. */
export interface RevisionIndex {
  /** Takes in what profiles render to now; what was rendered before is remembered. */
  refresh(): void
  /**
   * The revision that a container declares. `noted`: what the webhook wrote on its pod; profiles of equal
   * content share a digest, and only that tells which one was meant.
   */
  of(running: Running, noted?: Pick<Assigned, 'profile' | 'revision'>): KnownRevision | undefined
  byDigest(digest: string): readonly KnownRevision[]
  /** 0 to 100; undefined until its bytes were read. */
  riskOf(digest: string): number | undefined
  readonly runtimeDefaultRisk: number
}

const mostRemembered = 20_000

const floorRisk = riskReport({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] }).runtimeDefault

export function createRevisionIndex(
  sources: Pick<TruthSources, 'hub' | 'profiles'>,
  changed: () => void
): RevisionIndex {
  const known = new Map<string, KnownRevision[]>()
  const risks = new Map<string, number | undefined>()
  let states: unknown

  function add(one: KnownRevision): void {
    const list = known.get(one.digest) ?? []
    if (list.some(({ profile }) => profile === one.profile)) return
    known.set(one.digest, [...list, one])
    const [oldest] = known.keys()
    if (known.size > mostRemembered && oldest !== undefined) known.delete(oldest)
  }

  /** Revisions of before: their bytes say how they were meant. */
  async function addOlder(profile: string, digest: string): Promise<void> {
    if (known.has(digest)) return
    const bytes = await sources.hub.bytes(digest)
    if (bytes === undefined) return
    add({ profile, digest, mode: modeOfRendering(JSON.parse(bytes.toString()) as LinuxSeccomp) })
    changed()
  }

  async function measure(digest: string): Promise<void> {
    if (risks.has(digest)) return
    risks.set(digest, undefined)
    const bytes = await sources.hub.bytes(digest).catch(() => undefined)
    if (bytes === undefined) {
      risks.delete(digest)
      return
    }
    risks.set(digest, riskReport(JSON.parse(bytes.toString()) as LinuxSeccomp).score)
    changed()
  }

  function refresh(): void {
    const now = sources.hub.profiles()
    if (now === states) return
    states = now
    for (const { namespace, name, enforce, audit, previous } of now.values()) {
      const profile = profileKey(namespace, name)
      if (enforce !== undefined) add({ profile, digest: enforce.digest, mode: 'enforce' })
      if (audit !== undefined) add({ profile, digest: audit.digest, mode: 'audit' })
      if (previous !== undefined) add({ profile, digest: previous.digest, mode: 'enforce' })
    }
    for (const { metadata, status } of sources.profiles()) {
      const profile = profileKey(metadata.namespace ?? rootNamespace, metadata.name)
      for (const { revision } of status?.approvals ?? []) {
        if (revision !== '') void addOlder(profile, revision)
      }
    }
  }

  return {
    refresh,
    of(running, noted) {
      const { digest } = running
      if (digest === '') return undefined
      const assigned = namedRevision(running.assigned)
      const told = assigned?.digest === digest ? assigned.profile : profileOfPath(running.diskPath)
      const named = noted?.revision === digest ? noted.profile : told
      const list = known.get(digest) ?? []
      const own = list.find(({ profile }) => profile === named) ?? list[0]
      if (own !== undefined) return own
      if (running.declared !== 'revision' || named === undefined) return undefined
      return {
        profile: named,
        digest,
        mode: running.declaredMode === 'audit' ? 'audit' : 'enforce'
      }
    },
    byDigest: (digest) => known.get(digest) ?? [],
    riskOf(digest) {
      if (!risks.has(digest)) void measure(digest)
      return risks.get(digest)
    },
    runtimeDefaultRisk: floorRisk
  }
}
