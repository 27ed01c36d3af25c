/*
 * The answers of several hubs as the one that a hub would give which all satellites speak to. A satellite
 * speaks to one hub; one that has just moved is known to both for a while. What it tells only grows, and it
 * tells everything anew to the next hub: of two rows about the same the fuller one is the newer one.
 * All of it pure; lists are sorted as one hub sorts them.
 */

export const less = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Each row once: of those with the same key the fuller one. */
export function once<Row>(
  lists: readonly (readonly Row[])[],
  keyOf: (row: Row) => string,
  isFuller: (row: Row, than: Row) => boolean
): Row[] {
  const found = new Map<string, Row>()
  for (const row of lists.flat()) {
    const before = found.get(keyOf(row))
    if (before === undefined || isFuller(row, before)) found.set(keyOf(row), row)
  }
  return [...found.values()]
}
