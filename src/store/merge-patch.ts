import { isDeepStrictEqual } from 'node:util'

interface Members {
  [key: string]: unknown
}

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Returns `after` as a merge patch (RFC 7396) of `before`, with null for every member that is removed. */
export function patchOf(before: Members, after: Members): { patch: Members; removes: boolean } {
  const gone = Object.keys(before).filter((key) => after[key] === undefined)
  const patch: Members = Object.fromEntries(gone.map((key) => [key, null]))
  let removes = gone.length > 0
  for (const [key, value] of Object.entries(after)) {
    const old = before[key]
    if (isDeepStrictEqual(old, value)) continue
    const inner = isMembers(old) && isMembers(value) ? patchOf(old, value) : undefined
    patch[key] = inner?.patch ?? value
    removes ||= inner?.removes === true
  }
  return { patch, removes }
}
