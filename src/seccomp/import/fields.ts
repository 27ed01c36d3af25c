import { SeccoError } from '../../lib/errors.js'

export type Mapping = Readonly<Record<string, unknown>>

/** A place in a source, for messages: the file (or request) and the path within. */
export interface Place {
  where: string
  path: string
}

export const under = (place: Place, key: string | number): Place => ({
  where: place.where,
  path:
    typeof key === 'number'
      ? `${place.path}[${key}]`
      : place.path === ''
        ? key
        : `${place.path}.${key}`
})

/** INVALID_DOCUMENT that names the place. */
export function invalidField({ where, path }: Place, message: string, hint?: string): SeccoError {
  const subject = path === '' ? 'the document' : path
  return new SeccoError('INVALID_DOCUMENT', `${where}: ${subject}: ${message}`, {
    field: path,
    hint: hint ?? 'correct the named field and import it again'
  })
}

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function mapping(value: unknown, place: Place): Mapping {
  if (isMapping(value)) return value
  throw invalidField(place, 'must be a mapping')
}

export function list(value: unknown, place: Place, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidField(place, 'must be a list')
  if (value.length > most)
    throw invalidField(place, `has ${value.length} entries; at most ${most} are accepted`)
  return value as unknown[]
}

/** Printable words of a source, safe in a message. */
export function shown(value: unknown): string {
  const text =
    typeof value === 'string' ? value : value === undefined ? 'nothing' : JSON.stringify(value)
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 80)
}

export function text(value: unknown, place: Place): string {
  if (typeof value === 'string') return value
  throw invalidField(place, `must be text, not ${shown(value)}`)
}

/** A whole number within bounds. */
export function whole(value: unknown, place: Place, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) {
    return value
  }
  throw invalidField(place, `must be a whole number from ${least} to ${most}, not ${shown(value)}`)
}

export function oneOf<T extends string>(value: unknown, place: Place, accepted: readonly T[]): T {
  const found = accepted.find((each) => each === value)
  if (found !== undefined) return found
  throw invalidField(place, `must be one of ${accepted.join(', ')}, not ${shown(value)}`)
}

/** Rejects unknown keys: a misspelt key must not be dropped silently. */
export function onlyKeys(value: Mapping, place: Place, accepted: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (accepted.includes(key)) continue
    throw invalidField(
      under(place, shown(key)),
      `is not a known key; accepted: ${accepted.join(', ')}`
    )
  }
}
