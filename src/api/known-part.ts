/*
 * Records that only Secco writes stay readable after a rollback: a later release may have written members and words that
 * this one does not know. What people write keeps its strict check (src/api/validate.ts).
 */

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Drop stands for a value that holds a word of a closed list that this release does not know. */
const drop = Symbol('drop')

function knownMembers(schema: Json, properties: Json, value: Json): Json | typeof drop {
  const isClosed = schema['additionalProperties'] === false
  const required = Array.isArray(schema['required']) ? (schema['required'] as unknown[]) : []
  const known: Json = {}
  for (const [name, member] of Object.entries(value)) {
    if (!Object.hasOwn(properties, name)) {
      if (!isClosed) known[name] = member
      continue
    }
    const kept = knownOf(properties[name], member)
    if (kept !== drop) known[name] = kept
    else if (required.includes(name)) return drop
  }
  return known
}

function knownOf(schema: unknown, value: unknown): unknown {
  if (!isObject(schema)) return value
  const { properties, items, enum: words } = schema
  if (isObject(properties) && isObject(value)) return knownMembers(schema, properties, value)
  if (isObject(items) && Array.isArray(value))
    return value.map((item) => knownOf(items, item)).filter((item) => item !== drop)
  if (Array.isArray(words) && typeof value === 'string' && !words.includes(value)) return drop
  return value
}

/**
 * Returns the part of a stored record that a schema knows: members that it does not know are dropped, and so are optional
 * members and items of lists that hold an unknown word of a closed list. Everything else stays as it is, so that a check
 * against the schema still rejects what is damaged.
 */
export function knownPart(schema: object, value: unknown): unknown {
  const known = knownOf(schema, value)
  return known === drop ? value : known
}
