import { createHash } from 'node:crypto'

/**
 * The part of an object that Secco writes: a file of two lines of JSON. The second line is the whole object, and its rename
 * is the moment at which a write happens. The first line connects it with the YAML beside it, so that the two are never
 * taken for a pair that they are not.
 */
export interface StatusFile {
  /** Digest of the YAML that the object was read from or written to: it need not be parsed again. */
  yaml: string
  /** The YAML that this write replaces, from yamlIdentity(). As long as that one lies there, the write is not finished. */
  replaces?: string
  /** The object with its status, and its version in metadata. Not validated. */
  object: unknown
}

const format = 'secco.dev/stat/1'

export function contentDigest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/**
 * Identifies one YAML file among those that lay at its place: a file that somebody put back with the bytes of an
 * earlier one is another file.
 */
export function yamlIdentity(digest: string, file: { ino: bigint; mtimeNs: bigint }): string {
  return `${file.ino}:${file.mtimeNs}:${digest}`
}

export function encodeStatusFile({ yaml, replaces, object }: StatusFile): string {
  const content = JSON.stringify(object)
  const head = { format, yaml, replaces, content: contentDigest(content) }
  return `${JSON.stringify(head)}\n${content}\n`
}

/** @throws Error that says why the text is not such a file */
export function decodeStatusFile(text: string): StatusFile {
  const end = text.indexOf('\n')
  const head = JSON.parse(text.slice(0, Math.max(end, 0))) as Record<string, unknown>
  if (head['format'] !== format) throw new Error(`is not of the format ${format}`)
  const content = text.slice(end + 1).replace(/\n$/, '')
  if (head['content'] !== contentDigest(content)) throw new Error('its digest does not match')
  const { yaml, replaces } = head
  if (typeof yaml !== 'string') throw new Error('has no digest of the YAML')
  const object: unknown = JSON.parse(content)
  return { yaml, ...(typeof replaces === 'string' && { replaces }), object }
}
