import secureJsonParse from 'secure-json-parse'
import { SeccoError } from '../../src/errors.js'

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

/**
 * Parses the body of a review. `__proto__` and `constructor.prototype` are refused.
 * @throws SeccoError INVALID_REVIEW, TOO_LARGE. Neither message holds anything of the body.
 */
export function parseBody(body: Buffer): unknown {
  if (opensTooMuch(body)) {
    const message = `the body: opens more than ${maxStructures} objects and lists`
    throw new SeccoError('TOO_LARGE', message)
  }
  try {
    return secureJsonParse(body.toString('utf8')) as unknown
  } catch {
    throw new SeccoError('INVALID_REVIEW', 'the body: not JSON, or with a forbidden key in it')
  }
}
