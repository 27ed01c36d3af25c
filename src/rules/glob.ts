/**
 * Matcher for container names; `*` stands for any characters, none included. No regular expression,
 * so no pattern can make it slow.
 */
export function compileGlob(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  const last = parts.at(-1) ?? ''
  if (parts.length === 1) return (name) => name === pattern
  const middle = parts.slice(1, -1)
  return (name) => {
    if (name.length < first.length + last.length) return false
    if (!name.startsWith(first) || !name.endsWith(last)) return false
    const end = name.length - last.length
    let at = first.length
    for (const part of middle) {
      const found = name.indexOf(part, at)
      if (found === -1 || found + part.length > end) return false
      at = found + part.length
    }
    return true
  }
}

/** Matcher for a rule's `containers`; absent means every container. */
export function compileContainers(
  patterns: readonly string[] | undefined
): (name: string) => boolean {
  if (patterns === undefined || patterns.includes('*')) return () => true
  const globs = patterns.map(compileGlob)
  return (name) => globs.some((matches) => matches(name))
}
