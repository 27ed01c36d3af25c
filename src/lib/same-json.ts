/** Returns whether two plain values have the same content: objects and arrays without prototypes, cycles or dates. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null)
    return false
  if (Array.isArray(left) !== Array.isArray(right)) return false
  if (Array.isArray(left)) {
    const [own, others] = [left as unknown[], right as unknown[]]
    return own.length === others.length && own.every((one, at) => sameJson(one, others[at]))
  }
  const [own, others] = [left as Record<string, unknown>, right as Record<string, unknown>]
  const keys = Object.keys(own)
  if (keys.length !== Object.keys(others).length) return false
  return keys.every((key) => Object.hasOwn(others, key) && sameJson(own[key], others[key]))
}
