import { dropOldest } from '../../src/lib/drop-oldest.js'
import { isRecord, parseRecord, stringsOf } from './json.js'

type Labels = Record<string, string>

/** Reads a blob of an image by its digest; undefined if the node does not have it. */
export type BlobReader = (digest: string) => Promise<string | undefined>

/** Images whose labels are kept. */
const keptAtMost = 256
/** An index has an entry for each platform, and some have one for each attestation. */
const manifestsAtMost = 64

const digestOf = (value: unknown): string =>
  isRecord(value) && typeof value['digest'] === 'string' ? value['digest'] : ''

async function labelsOfManifest(digest: string, read: BlobReader): Promise<Labels | undefined> {
  const manifest = parseRecord((await read(digest)) ?? '')
  if (manifest === undefined) return undefined
  const image = parseRecord((await read(digestOf(manifest['config']))) ?? '')
  if (image === undefined) return undefined
  const { config } = image
  return stringsOf(isRecord(config) ? config['Labels'] : undefined)
}

/**
 * Returns the labels in an image's configuration (image-spec, config.md); undefined if it cannot be read. Of an index,
 * the labels of every platform that the node has: which of them a container uses is not recorded.
 */
async function readLabels(target: string, read: BlobReader): Promise<Labels[] | undefined> {
  const top = parseRecord((await read(target)) ?? '')
  const listed = top?.['manifests']
  const manifests: unknown[] = Array.isArray(listed) ? listed : [{ digest: target }]
  const all = await Promise.all(
    manifests.slice(0, manifestsAtMost).map((entry) => labelsOfManifest(digestOf(entry), read))
  )
  const found = all.filter((labels) => labels !== undefined)
  return found.length === 0 ? undefined : found
}

/** ImageLabels remembers the labels of images by digest: they never change. */
export class ImageLabels {
  readonly #known = new Map<string, readonly Labels[]>()

  /** The labels that containers can get from an image: of each of its platforms. Undefined if it cannot be read. */
  async of(
    digest: string,
    read: () => Promise<readonly Labels[] | undefined>
  ): Promise<readonly Labels[] | undefined> {
    const known = this.#known.get(digest)
    if (known !== undefined) return known
    const labels = digest === '' ? undefined : await read().catch(() => undefined)
    if (labels === undefined) return undefined
    this.#known.set(digest, labels)
    dropOldest(this.#known, keptAtMost)
    return labels
  }

  /** The same of an image in a content store. */
  ofContent(digest: string, read: BlobReader): Promise<readonly Labels[] | undefined> {
    return this.of(digest, () => readLabels(digest, read))
  }
}
