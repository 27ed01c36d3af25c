import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ociArchive, usualLevel } from './oci-archive.js'
import { sha256Of } from './provenance.js'
import { billPath, seccoImage, type SeccoImageOptions } from './secco-image.js'

interface WrittenImage {
  /** Path of the archive. */
  out: string
  /** Name with registry and tag: what an importer calls the image. */
  name: string
  /** Digest of the image's manifest. */
  digest: string
  /** Size of the archive in bytes. */
  size: number
  /** Hexadecimal SHA-256 of the archive. */
  sha256: string
  /** The bill of materials, JSON. */
  bill: Uint8Array
}

/** Builds Secco's image from a checkout and writes it as an OCI archive; makes the folder of `out`. */
export async function writeImage(
  options: SeccoImageOptions & { out: string; level?: number }
): Promise<WrittenImage> {
  const { out, level = usualLevel, ...contents } = options
  const image = await seccoImage(contents)
  const { archive, digest } = await ociArchive(image, level)
  await mkdir(dirname(out), { recursive: true })
  await writeFile(out, archive)
  const bill = image.layers.flat().find(({ path }) => path === billPath)
  if (bill?.kind !== 'file') throw new Error(`${billPath} is not in the image`)
  const facts = { digest, size: archive.length, sha256: sha256Of(archive) }
  return { out, name: image.name, ...facts, bill: bill.content }
}
