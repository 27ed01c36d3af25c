import { gzipSync } from 'node:zlib'
import { digestOf } from '../src/lib/digest.js'
import { type TarEntry, tar } from './tar.js'

/** `config` of the image configuration (image-spec, config.md). */
export interface ImageConfig {
  User?: string
  Env?: readonly string[]
  Entrypoint?: readonly string[]
  Cmd?: readonly string[]
  WorkingDir?: string
  Labels?: Record<string, string>
}

export interface ImageContents {
  /** With registry and tag, for example `registry.example/secco:0.1.0`. */
  name: string
  /** Go's name of the architecture: amd64, arm64. */
  architecture: string
  config: ImageConfig
  /** Lowest first. */
  layers: readonly (readonly TarEntry[])[]
}

interface Descriptor {
  mediaType: string
  digest: string
  size: number
}

/** The level of gzip for what is shipped: higher ones take much longer and save little. */
export const usualLevel = 6

/** The time in all metadata: the bytes must not depend on when they were made. */
const epoch = '1970-01-01T00:00:00Z'

/**
 * Makes an OCI image layout in a tar (image-spec, image-layout.md), for `ctr images import`, `docker load` (25 and
 * later), `podman load` and `skopeo`. Equal contents give equal bytes.
 * @param level gzip's, 1 to 9
 * @returns the archive, and the digest of the image's manifest.
 */
export async function ociArchive(
  image: ImageContents,
  level = usualLevel
): Promise<{ archive: Buffer; digest: string }> {
  const blobs = new Map<string, Buffer>()
  function blob(mediaType: string, bytes: Buffer): Descriptor {
    const digest = digestOf(bytes)
    blobs.set(digest, bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

  const archives = await Promise.all(image.layers.map(tar))
  const diffIds = archives.map(digestOf)
  const layers = archives.map((bytes) => {
    const packed = gzipSync(bytes, { level })
    // RFC 1952: the tenth byte names the operating system; 255 is unknown.
    packed[9] = 255
    return blob('application/vnd.oci.image.layer.v1.tar+gzip', packed)
  })
  const config = blob(
    'application/vnd.oci.image.config.v1+json',
    json({
      created: epoch,
      architecture: image.architecture,
      os: 'linux',
      config: image.config,
      rootfs: { type: 'layers', diff_ids: diffIds },
      history: diffIds.map(() => ({ created: epoch }))
    })
  )
  const manifestType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = blob(
    manifestType,
    json({ schemaVersion: 2, mediaType: manifestType, config, layers })
  )
  const tag = /:([^:/]+)$/.exec(image.name)?.[1] ?? 'latest'
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        ...manifest,
        platform: { architecture: image.architecture, os: 'linux' },
        annotations: {
          'io.containerd.image.name': image.name,
          'org.opencontainers.image.ref.name': tag
        }
      }
    ]
  }
  const file = (path: string, content: Buffer): TarEntry => ({
    kind: 'file',
    path,
    mode: 0o644,
    content
  })
  const archive = await tar([
    file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    file('index.json', json(index)),
    ...[...blobs].map(([digest, bytes]) => file(`blobs/${digest.replace(':', '/')}`, bytes))
  ])
  return { archive, digest: manifest.digest }
}
