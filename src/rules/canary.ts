import type { PodFacts } from './facts.js'

/** FNV-1a, 32 bits: it spreads names evenly and gives the same result everywhere. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  }
  return hash
}

/** Returns the ordinal of a pod that a StatefulSet names; the digits of any other name are what its author wrote. */
function ordinalOf({ name, owner }: Pick<PodFacts, 'name' | 'owner'>): number | undefined {
  const at = name.lastIndexOf('-')
  if (at < 1 || owner !== `StatefulSet/${name.slice(0, at)}`) return undefined
  const digits = name.slice(at + 1)
  return /^\d{1,6}$/.test(digits) ? Number(digits) : undefined
}

/**
 * Whether this pod is among the first `percent` of its workload: by its ordinal where a StatefulSet is its controller, by
 * its turn where one is counted, else by a hash of its name.
 * Deterministic; of any 100/percent pods in a row exactly one is.
 */
export function isCanary(
  facts: Pick<PodFacts, 'name' | 'owner' | 'turn'>,
  percent: number
): boolean {
  const turn = ordinalOf(facts) ?? facts.turn
  if (turn !== undefined) return (turn * percent) % 100 < percent
  return hashOf(facts.name) % 100 < percent
}
