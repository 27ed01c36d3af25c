import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { planApproval } from './approve.js'
import { sightingsOf } from '../render/observed-by.js'
import { riskOf } from '../policy/risk.js'

/** A risky call that only one node speaks of. */
export interface Lonely {
  name: string
  /** Empty: none that is remembered. */
  node: string
  /** Nodes whose instances say nothing of it. */
  others: number
  reason: string
}

/**
 * What of the observed needs a second witness: calls of some risk or beyond RuntimeDefault, not approved
 * yet, that one node alone reports. A node that was taken over can invent what its containers do; two
 * have to agree. A call that no remembered instance reports has no witness at all. Sorted by name.
 */
export function lonelyCalls(profile: SeccompProfile): Lonely[] {
  const nodes = new Set((profile.status?.instances ?? []).map(({ node }) => node))
  const { adds, beyond } = planApproval(profile)
  const sightings = sightingsOf(profile)
  return adds.flatMap((name): Lonely[] => {
    const risk = riskOf(name)?.reason ?? (beyond.includes(name) ? 'RuntimeDefault refuses it' : '')
    const [node = '', ...more] = sightings.get(name)?.nodes ?? []
    if (risk === '' || more.length > 0) return []
    return [{ name, node, others: nodes.size - (node === '' ? 0 : 1), reason: risk }]
  })
}
