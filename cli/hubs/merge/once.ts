/*
 * This folder merges the answers of several hubs into the answer of one hub to which all satellites are connected.
 * A satellite is connected to one hub; for a while after it moves, two hubs know it. Its counts only grow, and it
 * reports everything again to the next hub, so of two rows about the same thing the fuller one is the newer one.
 * All functions are pure. Lists are sorted as one hub sorts them.
 */

export const less = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Keeps each row once: of rows with the same key the fuller one. */
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
