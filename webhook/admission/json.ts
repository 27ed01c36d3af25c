import { SeccoError } from '../../src/lib/errors.js'

/** JsonObject is any JSON object: only own properties with known names are read. */
export type JsonObject = Record<string, unknown>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fail(field: string, expected: string): never {
  throw new SeccoError('INVALID_REVIEW', `${field}: must be ${expected}`, { field })
}

/** Returns an own property; absent and null are the same, as they are for the API server. */
function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined
}

export function objectAt(object: JsonObject, key: string, field: string): JsonObject | undefined {
  const value = own(object, key)
  if (value === undefined) return undefined
  return isObject(value) ? value : fail(field, 'an object')
}

export function stringAt(object: JsonObject, key: string, field: string): string | undefined {
  const value = own(object, key)
  if (value === undefined) return undefined
  return typeof value === 'string' ? value : fail(field, 'a string')
}

export function booleanAt(object: JsonObject, key: string, field: string): boolean | undefined {
  const value = own(object, key)
  if (value === undefined) return undefined
  return typeof value === 'boolean' ? value : fail(field, 'true or false')
}

export function listAt(object: JsonObject, key: string, field: string): readonly unknown[] {
  const value = own(object, key)
  if (value === undefined) return []
  return Array.isArray(value) ? (value as unknown[]) : fail(field, 'a list')
}

/** Returns a map of strings (labels, annotations) without copying it. */
export function stringsAt(
  object: JsonObject,
  key: string,
  field: string
): Record<string, string> | undefined {
  const value = objectAt(object, key, field)
  if (value === undefined) return undefined
  for (const name of Object.keys(value)) {
    if (typeof value[name] !== 'string')
      fail(`${field}[${JSON.stringify(name.slice(0, 64))}]`, 'a string')
  }
  return value as Record<string, string>
}

export function requiredString(object: JsonObject, key: string, field: string): string {
  const value = stringAt(object, key, field)
  return value === undefined || value === '' ? fail(field, 'a non-empty string') : value
}

export function requiredObject(object: JsonObject, key: string, field: string): JsonObject {
  return objectAt(object, key, field) ?? fail(field, 'an object')
}
