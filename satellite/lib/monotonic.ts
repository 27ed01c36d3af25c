/** Converts nanoseconds of CLOCK_MONOTONIC, as the kernel reports them, to RFC 3339. */
export function timeOf(monotonic: bigint): string {
  const age = Number((process.hrtime.bigint() - monotonic) / 1_000_000n)
  return new Date(Date.now() - age).toISOString()
}
