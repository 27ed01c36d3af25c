import { SeccoError } from '../../src/lib/errors.js'

/** True for a JSON object; arrays and null are not. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns the entries of a JSON object whose values are strings. */
export function stringsOf(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {}
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string'
  )
  return Object.fromEntries(entries)
}

/** Parses a JSON array; returns an empty one for anything else, also for malformed text. */
export function parseList(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

/** Parses a JSON object; returns undefined for anything else, also for malformed text. */
export function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Returns the texts of the values in a JSON array; none for anything else, also for malformed text. */
export function listedTexts(text: string): string[] {
  if (parseList(text).length === 0) return []
  const texts: string[] = []
  let [depth, from, isString] = [0, 0, false]
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]
    if (sign === '"') isString = !isString
    else if (isString) at += sign === '\\' ? 1 : 0
    else if (sign === '[' || sign === '{') {
      if (++depth === 1) from = at + 1
    } else if (sign === ']' || sign === '}') {
      if (--depth === 0) texts.push(text.slice(from, at))
    } else if (sign === ',' && depth === 1) {
      texts.push(text.slice(from, at))
      from = at + 1
    }
  }
  return texts
}

/** Counts the members of all objects in a valid JSON text, those with equal keys too: each has one colon outside of strings. */
function countWritten(text: string): number {
  let count = 0
  let isString = false
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]
    if (sign === '"') isString = !isString
    else if (isString && sign === '\\') at++
    else if (!isString && sign === ':') count++
  }
  return count
}

/** Counts the members of a parsed value. Iterative: a deep value needs no stack. */
function countParsed(value: unknown): number {
  const queue: unknown[] = [value]
  let count = 0
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (typeof next !== 'object' || next === null) continue
    const inner: unknown[] = Object.values(next)
    if (!Array.isArray(next)) count += inner.length
    for (const one of inner) queue.push(one)
  }
  return count
}

/**
 * Parses a JSON object that a program in Go reads too. Go merges members that are there twice (golang/go#21092) and
 * replaces surrogates without a partner, where JSON.parse takes the last member and keeps the surrogate.
 * @throws SeccoError INVALID_DOCUMENT for a text that they read differently, and for anything but an object
 */
export function parsePlain(text: string): Record<string, unknown> {
  const value = parseRecord(text)
  if (value === undefined || countWritten(text) !== countParsed(value)) {
    throw new SeccoError('INVALID_DOCUMENT', 'not a JSON object, or one with members twice')
  }
  if (/\\u[dD][89a-fA-F]/.test(text)) {
    throw new SeccoError('INVALID_DOCUMENT', 'JSON with escaped surrogates')
  }
  return value
}

/**
 * Returns whether every parser reads the same object in a text: no member is there twice (some take the first, some the last),
 * and no string has a NUL, where it ends for a program in C.
 */
export function isPlainJson(text: string): boolean {
  const value = parseRecord(text)
  return value !== undefined && countWritten(text) === countParsed(value) && !/\\u0000/.test(text)
}

/** Folds a key as Go's encoding/json does when it looks for a field: U+017F is an s, U+212A a k. */
const folded = (key: string): string => key.toUpperCase().toLowerCase()

/**
 * Returns a member of an object; undefined if there is none.
 * @throws SeccoError INVALID_DOCUMENT if another spelling is there, which Go takes for the same field
 */
export function plainMember(value: Record<string, unknown>, name: string): unknown {
  const wanted = folded(name)
  const other = Object.keys(value).find((key) => key !== name && folded(key) === wanted)
  if (other === undefined) return Object.hasOwn(value, name) ? value[name] : undefined
  throw new SeccoError('INVALID_DOCUMENT', `a key that Go reads as ${name}`)
}
