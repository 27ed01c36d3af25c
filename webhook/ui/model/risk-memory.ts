import { createHash } from 'node:crypto'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Resolve } from '../../../src/seccomp/render/approved.js'
import { oncePer } from '../../../src/lib/once-per.js'
import { type RiskOf, riskOfProfile } from '../../../src/seccomp/review/review.js'

interface Known {
  parents: [string, string, SeccompProfile | undefined][]
  risk: RiskOf
}

const most = 10_000
const known = new Map<string, Known>()

/** Digest of what a risk depends on, without the parents. It rarely changes; a status changes with every upload. */
const printOf = oncePer((profile: SeccompProfile): string => {
  const { metadata, spec, status } = profile
  const text = JSON.stringify([metadata.namespace, metadata.name, spec, status?.observed])
  return createHash('sha256').update(text).digest('base64url')
})

function found(profile: SeccompProfile, resolve: Resolve): RiskOf | undefined {
  const before = known.get(printOf(profile))
  return before?.parents.every(([namespace, name, one]) => resolve(namespace, name) === one) ===
    true
    ? before.risk
    : undefined
}

/** Whether the risk of a profile is cached. */
export function isRiskKnown(profile: SeccompProfile, resolve: Resolve): boolean {
  return found(profile, resolve) !== undefined
}

/** Returns `riskOfProfile`, computed once for what a profile allows. */
export function rememberedRisk(profile: SeccompProfile, resolve: Resolve): RiskOf {
  const before = found(profile, resolve)
  if (before !== undefined) return before
  const parents: Known['parents'] = []
  const risk = riskOfProfile(profile, (namespace, name) => {
    const parent = resolve(namespace, name)
    parents.push([namespace, name, parent])
    return parent
  })
  const print = printOf(profile)
  known.delete(print)
  known.set(print, { parents, risk })
  const [oldest] = known.keys()
  if (known.size > most && oldest !== undefined) known.delete(oldest)
  return risk
}
