/**
 * How many syscalls an application has that nobody has seen yet, from which container instances saw
 * which (incidence data). Chao2 with its variance and log-normal interval: A. Chao, "Estimating the
 * population size for capture-recapture data with unequal catchability", Biometrics 43 (1987); the
 * bias-corrected form and the interval as in Chao & Colwell, "Thirty years of progeny from Chao's
 * inequality", SORT 41 (2017). Coverage after Good–Turing for incidences (Chao & Jost 2012; the idea
 * of estimating by coverage: Chao & Lee 1992).
 *
 * Chao2 is a lower bound, and traffic is not independent and identically distributed: this is one
 * piece of evidence, never a verdict.
 */
export interface Unseen {
  /** Instances (m), and calls that they showed (S). */
  instances: number
  seen: number
  /** Calls seen in exactly one instance (Q1), in exactly two (Q2). */
  once: number
  twice: number
  /** How many calls nobody saw yet: the 95 % range and the middle. Not whole numbers. */
  lower: number
  expected: number
  upper: number
  /** Share of an instance's calls that are known ones, 0 to 1. */
  coverage: number
  /** New calls that the next instance is expected to bring, and at most (95 %). */
  next: { expected: number; atMost: number }
}

export type Estimate = Unseen | { instances: number; tooFew: true }

/** With fewer instances there is no estimate: the interval would be too wide to mean anything. */
export const leastInstances = 5

const z = 1.96

/** 95 % upper limit of a Poisson mean when `count` were seen (Garwood): 3 for 0 ("rule of three"), 4.74 for 1. */
function poissonUpper(count: number): number {
  if (count === 0) return 3
  if (count === 1) return 4.744
  // Wilson–Hilferty, one-sided 95 %.
  const n = count + 1
  return n * (1 - 1 / (9 * n) + 1.645 / (3 * Math.sqrt(n))) ** 3
}

function chao2(m: number, q1: number, q2: number): number {
  const share = (m - 1) / m
  return q2 > 0 ? (share * q1 * q1) / (2 * q2) : (share * q1 * (q1 - 1)) / 2
}

function variance(m: number, q1: number, q2: number, total: number): number {
  const a = (m - 1) / m
  if (q2 > 0) {
    const r = q1 / q2
    return q2 * ((a * r * r) / 2 + a * a * r ** 3 + (a * a * r ** 4) / 4)
  }
  return Math.max(
    0,
    (a * q1 * (q1 - 1)) / 2 + (a * a * q1 * (2 * q1 - 1) ** 2) / 4 - (a * a * q1 ** 4) / (4 * total)
  )
}

function coverageOf(m: number, q1: number, q2: number, incidences: number): number {
  if (q1 === 0 || incidences === 0) return 1
  const [hits, pairs] = q2 > 0 ? [(m - 1) * q1, 2 * q2] : [(m - 1) * (q1 - 1), 2]
  return 1 - (q1 / incidences) * (hits / (hits + pairs))
}

/**
 * Estimates the unseen. `samples`: for each instance the calls it used; the order of instances and of
 * calls does not matter. `known` are calls seen elsewhere (incomplete or forgotten instances): they may
 * be part of what the estimate calls unseen, so they lower its lower end, and never its upper end.
 */
export function estimateUnseen(
  samples: readonly (readonly string[])[],
  known: readonly string[] = []
): Estimate {
  const m = samples.length
  if (m < leastInstances) return { instances: m, tooFew: true }
  const seenIn = new Map<string, number>()
  for (const sample of samples) {
    for (const name of new Set(sample)) seenIn.set(name, (seenIn.get(name) ?? 0) + 1)
  }
  const counts = [...seenIn.values()]
  const incidences = counts.reduce((sum, count) => sum + count, 0)
  const [q1, q2] = [1, 2].map((n) => counts.filter((count) => count === n).length) as [
    number,
    number
  ]
  const expected = chao2(m, q1, q2)
  // Without a second singleton the interval has no width; what the count itself may hide gives one.
  const floor = chao2(m, poissonUpper(q1), Math.max(q2, 1))
  let [lower, upper] = [0, floor]
  if (expected > 0) {
    const spread = variance(m, q1, q2, seenIn.size + expected)
    const k = Math.exp(z * Math.sqrt(Math.log(1 + spread / expected ** 2)))
    lower = expected / k
    upper = q2 === 0 || q1 < 2 ? Math.max(expected * k, floor) : expected * k
  }
  const elsewhere = new Set(known.filter((name) => !seenIn.has(name))).size
  return {
    ...{ instances: m, seen: seenIn.size, once: q1, twice: q2 },
    ...{ lower: Math.max(0, lower - elsewhere), expected, upper },
    coverage: coverageOf(m, q1, q2, incidences),
    next: { expected: q1 / m, atMost: poissonUpper(q1) / m }
  }
}

/**
 * New calls that `more` instances are expected to bring (Chao et al. 2009, Colwell et al. 2012):
 * for comparing an estimate with what later instances really brought.
 */
export function expectedFrom(
  unseen: Pick<Unseen, 'instances' | 'once' | 'expected'>,
  more: number
): number {
  const { instances: m, once: q1, expected: q0 } = unseen
  if (q0 <= 0) return Math.min(q1, 1) * Math.min(1, more / m)
  return q0 * (1 - (1 - q1 / (m * q0 + q1)) ** more)
}
