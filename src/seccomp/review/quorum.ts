import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { planApproval } from './approve.js'
import { sightingsOf } from '../render/observed-by.js'
import { riskOf } from '../policy/risk.js'

/** A risky syscall that only one node reports. */
export interface SingleSource {
  name: string
  /** Empty if no remembered instance reports it. */
  node: string
  /** Number of nodes whose instances do not report it. */
  others: number
  reason: string
}

/**
 * Returns the observed syscalls that need a second node: those of some risk or beyond RuntimeDefault, not approved
 * yet, that only one node reports. A compromised node can invent what its containers do; two
 * have to agree. For a syscall that no remembered instance reports, `node` is empty. Sorted by name.
 */
export function singleSourceCalls(profile: SeccompProfile): SingleSource[] {
  const nodes = new Set((profile.status?.instances ?? []).map(({ node }) => node))
  const { adds, beyond } = planApproval(profile)
  const sightings = sightingsOf(profile)
  return adds.flatMap((name): SingleSource[] => {
    const risk = riskOf(name)?.reason ?? (beyond.includes(name) ? 'RuntimeDefault denies it' : '')
    const [node = '', ...more] = sightings.get(name)?.nodes ?? []
    if (risk === '' || more.length > 0) return []
    return [{ name, node, others: nodes.size - (node === '' ? 0 : 1), reason: risk }]
  })
}
