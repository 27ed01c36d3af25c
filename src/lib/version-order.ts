/** Compares the leading dotted numbers (1.1.5+ds1 counts as 1.1.5): negative, 0 or positive. */
export function compareVersions(left: string, right: string): number {
  const parts = (text: string) =>
    (/^v?(\d+(?:\.\d+)*)/.exec(text)?.[1] ?? '0').split('.').map(Number)
  const [a, b] = [parts(left), parts(right)]
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
