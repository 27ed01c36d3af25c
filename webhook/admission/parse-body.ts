import secureJsonParse from 'secure-json-parse'
import { SeccoError } from '../../src/lib/errors.js'

/** A pod of at most 3 MiB arrives with its old self. */
export const bodyLimit = 7 * 2 ** 20

/**
 * Objects and lists that one body may open. Millions of `{}` in a few megabytes would hold the event
 * loop for half a second and 400 MB; a real pod of 3 MiB opens far fewer.
 */
const maxStructures = 400_000
/** Below this size no content can be expensive, and nothing is counted. */
const alwaysCheap = 256 * 1024

const openBrace = 0x7b
const openBracket = 0x5b

function opensTooMuch(body: Buffer): boolean {
  if (body.length <= alwaysCheap) return false
  let opened = 0
  for (const byte of body) {
    if ((byte === openBrace || byte === openBracket) && ++opened > maxStructures) return true
  }
  return false
}

/** Parts of a review that no decision looks at, and that make up most of it: they are passed over unparsed. */
const passedOver =
  /"(?:managedFields|env|volumes|volumeMounts|ports|resources|livenessProbe|readinessProbe|startupProbe|status|options)":[[{]/g

const quote = 0x22
const backslash = 0x5c
const closeBracket = 0x5d
const closeBrace = 0x7d

/** Where the list or object ends that opens just before `at`; -1 when it does not. Strings are respected. */
function endOfValue(body: Uint8Array, at: number): number {
  let depth = 1
  for (let i = at; i < body.length; i++) {
    const byte = body[i]
    if (byte === quote) {
      for (i++; i < body.length && body[i] !== quote; i++) {
        if (body[i] === backslash) i++
      }
    } else if (byte === openBracket || byte === openBrace) depth++
    else if ((byte === closeBracket || byte === closeBrace) && --depth === 0) return i + 1
  }
  return -1
}

/**
 * The text without the parts that nothing reads: the key stays, its value becomes null. A raw `"key":[`
 * can stand in no JSON string, since a quote is escaped there; where a backslash comes before it, it is
 * the end of some other key, and the text is left whole. This saves a third of a review's cost, and
 * environment values are never even parsed.
 * @param body the bytes of `text`; looked at only when they are ASCII, so that places are the same.
 */
export function passOver(text: string, body: Uint8Array): string {
  if (text.length !== body.length) return text
  let kept = ''
  let at = 0
  passedOver.lastIndex = 0
  for (let match = passedOver.exec(text); match !== null; match = passedOver.exec(text)) {
    const from = passedOver.lastIndex
    const to = endOfValue(body, from)
    if (to === -1 || body[match.index - 1] === backslash) return text
    kept += `${text.slice(at, from - 1)}null`
    at = to
    passedOver.lastIndex = to
  }
  return at === 0 ? text : kept + text.slice(at)
}

/** Finds where a forbidden key may be, written plainly or with escapes. */
const suspicious = /__proto__|"constructor"|\\u00/

/** The text of a review, without the parts that nothing reads. */
export interface BodyText {
  kept: string
  /** Whether a forbidden key may be in it; then nothing is left out of `kept`. */
  suspicious: boolean
}

/**
 * Reads the body of a review as text.
 * @throws SeccoError TOO_LARGE.
 */
export function bodyText(body: Buffer): BodyText {
  if (opensTooMuch(body)) {
    const message = `the body: opens more than ${maxStructures} objects and lists`
    throw new SeccoError('TOO_LARGE', message)
  }
  const text = body.toString('utf8')
  return suspicious.test(text)
    ? { kept: text, suspicious: true }
    : { kept: passOver(text, body), suspicious: false }
}

/**
 * Parses what `bodyText` gave. `__proto__` and `constructor.prototype` are refused anywhere.
 * @throws SeccoError INVALID_REVIEW. The message holds nothing of the body.
 */
export function parseText(text: BodyText): unknown {
  try {
    return text.suspicious
      ? (secureJsonParse(text.kept) as unknown)
      : (JSON.parse(text.kept) as unknown)
  } catch {
    throw new SeccoError('INVALID_REVIEW', 'the body: not JSON, or with a forbidden key in it')
  }
}

/**
 * Parses the body of a review. What nothing reads (`managedFields`, `env`, …) comes out as null.
 * @throws SeccoError INVALID_REVIEW, TOO_LARGE. Neither message holds anything of the body.
 */
export function parseBody(body: Buffer): unknown {
  return parseText(bodyText(body))
}
