import type { PodFacts } from './facts.js'

/** FNV-1a, 32 bits: spreads names evenly and says the same everywhere. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  }
  return hash
}

/**
 * Is this pod among the first `percent` of its workload? By its ordinal where its name ends with one
 * (StatefulSets), by its turn where a controller gives it a name later, else by a hash of its name.
 * Deterministic; of any 100/percent pods in a row exactly one is.
 */
export function isCanary(facts: Pick<PodFacts, 'name' | 'turn'>, percent: number): boolean {
  const ordinal = /-(\d{1,6})$/.exec(facts.name)?.[1]
  const turn = ordinal === undefined ? facts.turn : Number(ordinal)
  if (turn !== undefined) return (turn * percent) % 100 < percent
  return hashOf(facts.name) % 100 < percent
}
