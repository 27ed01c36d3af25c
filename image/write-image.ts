import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { ociArchive } from './oci-archive.js'
import { provenance, sha256Of } from './provenance.js'
import { billPath, seccoImage, type SeccoImageOptions } from './secco-image.js'

export interface WrittenImage {
  /** Path of the archive. */
  out: string
  /** Name with registry and tag: what an importer calls the image. */
  name: string
  /** Digest of the image's manifest. */
  digest: string
  /** Size of the archive in bytes. */
  size: number
  /** The bill of materials, JSON. */
  bill: Uint8Array
}

/** Builds Secco's image from a checkout and writes it as an OCI archive; makes the folder of `out`. */
export async function writeImage(
  options: SeccoImageOptions & { out: string }
): Promise<WrittenImage> {
  const { out, ...contents } = options
  const image = await seccoImage(contents)
  const { archive, digest } = await ociArchive(image)
  await mkdir(dirname(out), { recursive: true })
  await writeFile(out, archive)
  const bill = image.layers.flat().find(({ path }) => path === billPath)
  if (bill?.kind !== 'file') throw new Error(`${billPath} is not in the image`)
  return { out, name: image.name, digest, size: archive.length, bill: bill.content }
}

/** Writes the image, and beside it its checksum, its bill of materials and its provenance. */
export async function writeRelease(
  options: SeccoImageOptions & { out: string }
): Promise<WrittenImage> {
  const written = await writeImage(options)
  const { out, name, digest, bill } = written
  const sha256 = sha256Of(await readFile(out))
  const statement = await provenance(options.root, [
    { name: basename(out), sha256 },
    { name, sha256: digest.replace('sha256:', '') }
  ])
  await Promise.all([
    writeFile(`${out}.sha256`, `${sha256}  ${basename(out)}\n`),
    writeFile(`${out}.cdx.json`, bill),
    writeFile(`${out}.provenance.json`, `${JSON.stringify(statement, null, 2)}\n`)
  ])
  return written
}
