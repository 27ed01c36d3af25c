/** RFC 3339 of a moment that the kernel told in nanoseconds of CLOCK_MONOTONIC. */
export function timeOf(monotonic: bigint): string {
  const age = Number((process.hrtime.bigint() - monotonic) / 1_000_000n)
  return new Date(Date.now() - age).toISOString()
}
