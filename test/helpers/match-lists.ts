import type { Test } from 'tap'

/** Returns where a list has more items than its pattern. */
function longerLists(found: unknown, pattern: unknown, path: string): string[] {
  const isCompared = [found, pattern].every((each) => typeof each === 'object' && each !== null)
  if (!isCompared || pattern instanceof RegExp) return []
  const below = Object.entries(pattern as object).flatMap(([name, each]) =>
    longerLists(Reflect.get(found as object, name), each, `${path}/${name}`)
  )
  if (!Array.isArray(found) || !Array.isArray(pattern) || found.length <= pattern.length)
    return below
  return [`${path || '/'}: ${found.length} items instead of ${pattern.length}`, ...below]
}

/**
 * Matches as `t.match` does, and fails where a list has more items than its pattern, at any depth: `t.match` ignores
 * them, and an item too many (a drift, a denial, a patch operation) is a fault.
 */
export function matchLists(
  t: Pick<Test, 'match' | 'fail'>,
  found: unknown,
  pattern: unknown,
  what = 'matches, and no list has further items'
): boolean {
  const longer = longerLists(found, pattern, '')
  return longer.length > 0 ? t.fail(what, { longer, found }) : t.match(found, pattern, what)
}
