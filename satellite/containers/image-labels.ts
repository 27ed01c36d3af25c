import { dropOldest } from '../../src/lib/drop-oldest.js'
import { SeccoError } from '../../src/lib/errors.js'
import { isRecord, parsePlain, plainMember, stringsOf } from './json.js'

type Labels = Record<string, string>
type JsonRecord = Record<string, unknown>

/** Reads a blob of an image by its digest; undefined only if the node does not have it. */
export type BlobReader = (digest: string) => Promise<string | undefined>

/** Images whose labels are kept. */
const keptAtMost = 256
/** An index has an entry for each platform, and some have one for each attestation. */
const manifestsAtMost = 64

const digestOf = (value: unknown): string => {
  const digest = isRecord(value) ? plainMember(value, 'digest') : undefined
  return typeof digest === 'string' ? digest : ''
}

/** Reads a blob as a JSON object; undefined if the node does not have it. @throws SeccoError if it cannot be understood */
async function recordOf(digest: string, read: BlobReader): Promise<JsonRecord | undefined> {
  const text = digest === '' ? undefined : await read(digest)
  return text === undefined ? undefined : parsePlain(text)
}

async function labelsOfManifest(
  manifest: JsonRecord | undefined,
  read: BlobReader
): Promise<Labels | undefined> {
  if (manifest === undefined) return undefined
  if (plainMember(manifest, 'manifests') !== undefined) {
    throw new SeccoError('INVALID_DOCUMENT', 'an index where a manifest should be')
  }
  const image = await recordOf(digestOf(plainMember(manifest, 'config')), read)
  if (image === undefined) return undefined
  const config = plainMember(image, 'config')
  return stringsOf(isRecord(config) ? plainMember(config, 'Labels') : undefined)
}

/**
 * Returns the labels in an image's configuration (image-spec, config.md); undefined if it cannot be read. Of an index,
 * the labels of every platform that the node has: which of them a container uses is not recorded.
 * @throws SeccoError if a part that the node has cannot be understood: a container may have labels of that part
 */
async function readLabels(target: string, read: BlobReader): Promise<Labels[] | undefined> {
  const top = await recordOf(target, read)
  const listed = top === undefined ? undefined : plainMember(top, 'manifests')
  if (!Array.isArray(listed)) {
    const labels = await labelsOfManifest(top, read)
    return labels === undefined ? undefined : [labels]
  }
  if (top !== undefined && plainMember(top, 'config') !== undefined) {
    throw new SeccoError('INVALID_DOCUMENT', 'an index that is a manifest too')
  }
  if (listed.length > manifestsAtMost) {
    throw new SeccoError('TOO_LARGE', `an index of more than ${manifestsAtMost} manifests`)
  }
  const all = await Promise.all(
    listed.map(async (entry: unknown) =>
      labelsOfManifest(await recordOf(digestOf(entry), read), read)
    )
  )
  const found = all.filter((labels) => labels !== undefined)
  return found.length === 0 ? undefined : found
}

const idForm = /^(?:sha256:)?([0-9a-f]{64})$/

/** Returns the member with the digest of an image, from what a runtime calls its id. */
export function imageDigestOf(id: unknown): { imageDigest?: string } {
  const hex = typeof id === 'string' ? idForm.exec(id)?.[1] : undefined
  return hex === undefined ? {} : { imageDigest: `sha256:${hex}` }
}

/** ImageLabels remembers the labels of images by digest: they never change. */
export class ImageLabels {
  readonly #known = new Map<string, readonly Labels[]>()
  /** Containers of one image share a reading that has not ended. */
  readonly #reading = new Map<string, Promise<readonly Labels[] | undefined>>()

  /** The labels that containers can get from an image: of each of its platforms. Undefined if it cannot be read. */
  async of(
    digest: string,
    read: () => Promise<readonly Labels[] | undefined>
  ): Promise<readonly Labels[] | undefined> {
    const known = this.#known.get(digest)
    if (known !== undefined || digest === '') return known
    const reading = this.#reading.get(digest) ?? this.#read(digest, read)
    this.#reading.set(digest, reading)
    return reading
  }

  /** The same of an image in a content store. */
  ofContent(digest: string, read: BlobReader): Promise<readonly Labels[] | undefined> {
    return this.of(digest, () => readLabels(digest, read))
  }

  async #read(
    digest: string,
    read: () => Promise<readonly Labels[] | undefined>
  ): Promise<readonly Labels[] | undefined> {
    const labels = await read().catch(() => undefined)
    this.#reading.delete(digest)
    if (labels === undefined) return undefined
    this.#known.set(digest, labels)
    dropOldest(this.#known, keptAtMost)
    return labels
  }
}
