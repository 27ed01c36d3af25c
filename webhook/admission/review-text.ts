import { SeccoError } from '../../src/lib/errors.js'
import { maxLabels } from '../../src/rules/limits.js'
import { type Wanted, wantedOfReview, whole } from './review-members.js'

/**
 * This module reduces the text of a review to what a decision reads, before anything is parsed. Authors of pods choose
 * most of a review (environment, volumes, managedFields, terms of affinity), up to megabytes; none of that may make a
 * review unreadable or block the event loop: a review without an answer is a way around the rules (failurePolicy Ignore).
 */

/**
 * Members and items that may be kept of one review: each costs about a microsecond to parse. The API server accepts
 * 3 MiB of request, in which a kept member takes at least 9 bytes (`"abc":"",` in labels), so at most 349,525 of them.
 */
export const maxMembers = 400_000

/** Stands for labels that are too many: their keys might be equal, and the decision only counts them. */
const excessive = JSON.stringify(
  Object.fromEntries(Array.from({ length: maxLabels + 1 }, (_, i) => [String(i), '']))
)

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d
const isSpace = (code: number): boolean =>
  code <= 0x20 && (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09)

function malformed(): never {
  throw new SeccoError('INVALID_REVIEW', 'the body: not JSON')
}

/** ReviewCutter walks through the text once. It recurses only along `Wanted`, so depth costs nothing. */
class ReviewCutter {
  kept = ''
  readonly bytes: Uint8Array
  readonly text: string
  #at = 0
  #members = 0
  /** The pod has too many containers or labels: the rest is not read. */
  #isEnough = false

  /** @param text one character for each byte, so that positions are the same */
  constructor(bytes: Uint8Array, text: string) {
    this.bytes = bytes
    this.text = text
  }

  run(): void {
    this.#space()
    this.#value(wantedOfReview)
    if (this.#isEnough) return
    this.#space()
    if (this.#at !== this.bytes.length) malformed()
  }

  /** Returns the byte at the position; undefined at the end. */
  #code(): number | undefined {
    return this.bytes[this.#at]
  }

  #space(): void {
    for (let code = this.#code(); code !== undefined && isSpace(code); code = this.#code())
      this.#at++
  }

  #count(): void {
    if (++this.#members <= maxMembers) return
    const message = `the body: has more than ${maxMembers} members and items to read`
    throw new SeccoError('TOO_LARGE', message)
  }

  /** Keeps the wanted part of the value at the position; a value of another shape is kept, so that its reader rejects it. */
  #value(wanted: Wanted): void {
    const code = this.#code()
    if ('members' in wanted && code === openBrace) this.#object((key) => wanted.members.get(key))
    else if ('names' in wanted && code === openBrace) this.#object(chosen(wanted))
    else if ('items' in wanted && code === openBracket) this.#list(wanted.items, wanted.most)
    else if ('most' in wanted && !('items' in wanted) && code === openBrace) this.#map(wanted.most)
    else {
      const from = this.#at
      const upTo = 'upTo' in wanted ? wanted.upTo : Infinity
      this.#skip(upTo === Infinity)
      this.kept +=
        'upTo' in wanted && this.#at - from > upTo
          ? wanted.instead
          : this.text.slice(from, this.#at)
    }
  }

  #object(wantedOf: (key: string) => Wanted | undefined): void {
    this.kept += '{'
    let separator = ''
    this.#each(closeBrace, () => {
      const from = this.#at
      if (this.#code() !== quote) malformed()
      this.#string()
      const part = wantedOf(this.#key(from))
      this.#space()
      if (this.#code() !== colon) malformed()
      this.#at++
      this.#space()
      if (part === undefined) {
        this.#skip(false)
        return
      }
      this.#count()
      this.kept += separator + this.text.slice(from, this.#at)
      separator = ','
      this.#value(part)
    })
    this.kept += '}'
  }

  /** Keeps a map of any keys, e.g. labels. */
  #map(most: number): void {
    const from = this.#at
    let left = most
    this.#each(closeBrace, () => {
      if (this.#code() !== quote) malformed()
      this.#string()
      this.#space()
      if (this.#code() !== colon) malformed()
      this.#at++
      this.#space()
      this.#skip(true)
      this.#count()
      this.#isEnough = left-- <= 0
    })
    this.kept += this.#isEnough ? excessive : this.text.slice(from, this.#at)
  }

  #list(wanted: Wanted, most = Infinity): void {
    this.kept += '['
    let separator = ''
    let left = most
    this.#each(closeBracket, () => {
      this.#count()
      this.kept += separator
      separator = ','
      this.#value(wanted)
      this.#isEnough ||= left-- <= 0
    })
    this.kept += ']'
  }

  /** Calls `element` for each element of the object or list that opens at the position, and moves after its end. */
  #each(close: number, element: () => void): void {
    this.#at++
    this.#space()
    if (this.#code() === close) {
      this.#at++
      return
    }
    for (;;) {
      element()
      if (this.#isEnough) return
      this.#space()
      const code = this.#code()
      this.#at++
      if (code === close) return
      if (code !== comma) malformed()
      this.#space()
    }
  }

  /** Returns a key with its escapes resolved. */
  #key(from: number): string {
    const raw = this.text.slice(from + 1, this.#at - 1)
    if (!raw.includes('\\')) return raw
    try {
      return String(JSON.parse(this.text.slice(from, this.#at)))
    } catch {
      return malformed()
    }
  }

  /** Moves after the string that begins at the position. */
  #string(): void {
    this.#at = endOfString(this.bytes, this.#at)
  }

  /** Moves after the value at the position. @param kept whether its members count */
  #skip(kept: boolean): void {
    const { bytes } = this
    const start = this.#at
    let at = start
    let depth = 0
    for (; at < bytes.length; at++) {
      const code = bytes[at]
      if (code === quote) at = endOfString(bytes, at) - 1
      else if (code === openBrace || code === openBracket) {
        depth++
        if (kept) this.#count()
        continue
      } else if (code === closeBrace || code === closeBracket) {
        // The end of the object or list that this value is in.
        if (depth-- === 0) break
      } else {
        if (code !== comma) continue
        if (depth === 0) break
        if (kept) this.#count()
        continue
      }
      if (depth > 0) continue
      at++
      break
    }
    if (depth > 0 || at === start) malformed()
    this.#at = at
  }
}

/** Returns which members of a map are kept. */
function chosen({ names, prefix, most }: Extract<Wanted, { names: unknown }>) {
  let left = most
  return (key: string): Wanted | undefined =>
    names.has(key) || (key.startsWith(prefix) && left-- > 0) ? whole : undefined
}

/** Returns the position after the string that begins at `from`. */
function endOfString(bytes: Uint8Array, from: number): number {
  for (let at = from + 1; at < bytes.length; at++) {
    const code = bytes[at]
    if (code === quote) return at + 1
    if (code === backslash) at++
  }
  return malformed()
}

/**
 * Returns the text of a review without the parts that no decision reads. Those parts need not be JSON.
 * @throws SeccoError INVALID_REVIEW, TOO_LARGE. Neither message holds anything of the body.
 */
export function cutReview(body: Buffer): string {
  const cutter = new ReviewCutter(body, body.toString('latin1'))
  cutter.run()
  const { kept } = cutter
  // Quotes, brackets and commas are ASCII, and no part of another character in UTF-8.
  return /[\u0080-\u00ff]/.test(kept) ? Buffer.from(kept, 'latin1').toString('utf8') : kept
}
