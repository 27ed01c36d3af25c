/** Returns how many letters differ (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const [at, letter] of a.split('').entries()) {
    const next = [at + 1]
    for (const [column, other] of b.split('').entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

const nameOf = (key: string): string => key.slice(key.indexOf('/') + 1)

/** The most names that are suggested. */
const mostNames = 3

/**
 * Returns the known names that a person may have meant, nearest first: the same name elsewhere, a name that begins with the
 * given one, or one that differs in few letters.
 * @param key `namespace/name`, as the known ones
 */
export function nearNames(key: string, known: readonly string[]): string[] {
  const most = Math.max(1, Math.floor(key.length / 5))
  return [...new Set(known)]
    .filter((one) => one !== key)
    .map((one) => {
      const isSame = nameOf(one) === nameOf(key) || one.startsWith(`${key}.`)
      return { one, far: isSame ? 0 : distance(key, one) }
    })
    .filter(({ far }) => far <= most)
    .sort((a, b) => a.far - b.far || (a.one < b.one ? -1 : 1))
    .slice(0, mostNames)
    .map(({ one }) => one)
}
