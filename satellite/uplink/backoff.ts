/**
 * Milliseconds until the next attempt: full jitter between zero and an exponential bound, after a short first wait
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 * @param random in [0, 1).
 */
export function backoffMs(
  attempt: number,
  random: number,
  { firstMs, baseMs, mostMs }: { firstMs: number; baseMs: number; mostMs: number }
): number {
  if (attempt <= 1) return Math.round(firstMs * (0.5 + random / 2))
  return Math.round(random * Math.min(mostMs, baseMs * 2 ** Math.min(attempt - 2, 16)))
}
