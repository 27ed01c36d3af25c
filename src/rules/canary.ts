import type { PodFacts } from './facts.js'

/** FNV-1a, 32 bits: it spreads names evenly and gives the same result everywhere. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  }
  return hash
}

/**
 * Whether this pod is among the first `percent` of its workload: by its ordinal where its name ends with one
 * (StatefulSets), by its position where a controller names it later, else by a hash of its name.
 * Deterministic; of any 100/percent pods in a row exactly one is.
 */
export function isCanary(facts: Pick<PodFacts, 'name' | 'turn'>, percent: number): boolean {
  const ordinal = /-(\d{1,6})$/.exec(facts.name)?.[1]
  const turn = ordinal === undefined ? facts.turn : Number(ordinal)
  if (turn !== undefined) return (turn * percent) % 100 < percent
  return hashOf(facts.name) % 100 < percent
}
