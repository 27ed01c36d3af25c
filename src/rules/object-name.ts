import { createHash } from 'node:crypto'
import { namePattern } from '../api/names.js'

const nameForm = new RegExp(namePattern)
/** The longest name: a file name with suffix, and a path segment on the node, must fit into 255 bytes. */
const longest = 200

/** Returns whether a text is the name of an object that nodes can store. */
export function isObjectName(text: string): boolean {
  return nameForm.test(text) && !text.includes('..') && text.length <= longest
}

/** Names of Kubernetes get a digest only when they are too long, and then at most a label of them is cut off at the end. */
const longestPlain = 120
const looksDigested = (text: string): boolean =>
  text.length > longestPlain && /-[0-9a-f]{8}$/.test(text)

/**
 * Returns an object name for any text. A text that is a valid name stays as it is; any other gets a digest of the
 * original, so that two different texts of Kubernetes never share a profile. A long text that ends like one with a
 * digest gets one, too: it may be the name of another text.
 */
export function objectNameOf(text: string): string {
  if (isObjectName(text) && !looksDigested(text)) return text
  const readable = text
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .slice(0, longest - 9)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 8)
  return readable === '' ? digest : `${readable}-${digest}`
}

/** Returns the name of the profile that a container of a workload is learned into. */
export const learnedName = (workload: string, container: string): string =>
  objectNameOf(`${workload}.${container}`)
