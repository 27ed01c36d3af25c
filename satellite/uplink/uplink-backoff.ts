/**
 * How long to wait before the next attempt, in ms: full jitter between nothing and an exponential
 * bound (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), the first one
 * short. `random` is in [0, 1).
 */
export function backoffMs(
  attempt: number,
  random: number,
  { firstMs, baseMs, mostMs }: { firstMs: number; baseMs: number; mostMs: number }
): number {
  if (attempt <= 1) return Math.round(firstMs * (0.5 + random / 2))
  return Math.round(random * Math.min(mostMs, baseMs * 2 ** Math.min(attempt - 2, 16)))
}
