/** A copy of a value, and where it was changed. */
export interface Changed {
  at: string
  value: unknown
}

/** What a later release may write that this one does not know. */
const laterMember = { laterMember: [{ deep: 1 }] }

/**
 * Returns copies of a stored value, each with an unknown member in one of its objects.
 * @param isMap whether the keys of the object at that place are data, so that an unknown one is no member
 */
export function withLaterMembers(
  value: unknown,
  isMap: (at: string) => boolean = () => false,
  at = ''
): Changed[] {
  if (typeof value !== 'object' || value === null) return []
  const own = Array.isArray(value) || isMap(at) ? [] : [{ at, value: { ...value, ...laterMember } }]
  const inner = Object.entries(value).flatMap(([key, member]) =>
    withLaterMembers(member, isMap, `${at}/${key}`).map((changed) => ({
      at: changed.at,
      value: Array.isArray(value)
        ? value.map((item: unknown, nth) => (String(nth) === key ? changed.value : item))
        : { ...value, [key]: changed.value }
    }))
  )
  return [...own, ...inner]
}
