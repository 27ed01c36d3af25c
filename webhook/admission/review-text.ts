import { SeccoError } from '../../src/lib/errors.js'

/**
 * This module reduces the text of a review to what a decision reads, before anything is parsed. Authors of pods choose
 * most of a review (environment, volumes, managedFields, terms of affinity), up to megabytes; none of that may make a
 * review unreadable or block the event loop: a review without an answer is a way around the rules (failurePolicy Ignore).
 */

/** Wanted is the part of a value that is kept: members of an object, a part of each item of a list, or the whole value. */
type Wanted =
  | { readonly members: ReadonlyMap<string, Wanted> }
  | { readonly items: Wanted }
  /** `instead` replaces a value of more than `upTo` characters. */
  | { readonly upTo: number; readonly instead: string }

const whole: Wanted = { upTo: Infinity, instead: '' }
const members = (wanted: Readonly<Record<string, Wanted>>): Wanted => ({
  members: new Map(Object.entries(wanted))
})
const items = (wanted: Readonly<Record<string, Wanted>>): Wanted => ({ items: members(wanted) })

/**
 * Terms and tolerations are compared with every node, so their number is limited. A placement that is too long counts as
 * one that fits every node: as in `couldRun`, one node too many only means that the pod gets what `whenNotReady` sets.
 */
const longestPlacement = 16 * 1024

const seccompProfile = members({ type: whole, localhostProfile: whole })
const containers = items({
  name: whole,
  image: whole,
  securityContext: members({ privileged: whole, seccompProfile })
})

/** The members that `readReview` and `podFacts` read. A test compares the answers with those to whole reviews. */
const wantedOfReview = members({
  apiVersion: whole,
  kind: whole,
  request: members({
    uid: whole,
    operation: whole,
    resource: members({ group: whole, resource: whole }),
    subResource: whole,
    namespace: whole,
    dryRun: whole,
    userInfo: members({ username: whole }),
    object: members({
      metadata: members({
        name: whole,
        generateName: whole,
        labels: whole,
        annotations: whole,
        ownerReferences: items({ controller: whole, kind: whole, name: whole })
      }),
      spec: members({
        initContainers: containers,
        containers,
        ephemeralContainers: containers,
        securityContext: members({ seccompProfile }),
        nodeName: whole,
        nodeSelector: whole,
        affinity: members({
          nodeAffinity: members({
            requiredDuringSchedulingIgnoredDuringExecution: {
              upTo: longestPlacement,
              instead: 'null'
            }
          })
        }),
        tolerations: { upTo: longestPlacement, instead: '[{"operator":"Exists"}]' },
        os: members({ name: whole })
      })
    }),
    oldObject: members({ spec: members({ ephemeralContainers: items({ name: whole }) }) })
  })
})

/**
 * Members and items that may be kept of one review: each costs about a microsecond to parse. The API server accepts
 * 3 MiB of request, in which a kept member takes at least 9 bytes (`"abc":"",` in labels), so at most 349,525 of them.
 */
export const maxMembers = 400_000

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

  /** @param text one character for each byte, so that positions are the same */
  constructor(bytes: Uint8Array, text: string) {
    this.bytes = bytes
    this.text = text
  }

  run(): void {
    this.#space()
    this.#value(wantedOfReview)
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
    if ('members' in wanted && code === openBrace) this.#object(wanted.members)
    else if ('items' in wanted && code === openBracket) this.#list(wanted.items)
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

  #object(wanted: ReadonlyMap<string, Wanted>): void {
    this.kept += '{'
    let separator = ''
    this.#each(closeBrace, () => {
      const from = this.#at
      if (this.#code() !== quote) malformed()
      this.#string()
      const part = wanted.get(this.#key(from))
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

  #list(wanted: Wanted): void {
    this.kept += '['
    let separator = ''
    this.#each(closeBracket, () => {
      this.#count()
      this.kept += separator
      separator = ','
      this.#value(wanted)
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
