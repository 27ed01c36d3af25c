import { canonicalJson } from '../../lib/canonical.js'
import { digestOf } from '../../lib/digest.js'
import type { ImportLoss } from '../import/loss.js'

/**
 * What says that an artifact is a seccomp profile for runtimes (KEP-6061): the manifest's artifactType
 * and its config's media type. The operator pushes and pulls the same.
 */
export const artifactType = 'application/vnd.cncf.seccomp-profile.config.v1+json'
const manifestType = 'application/vnd.oci.image.manifest.v1+json'
const indexType = 'application/vnd.oci.image.index.v1+json'
/** What runtimes accept by default in such an artifact. */
const mostRules = 128

interface Artifact {
  /** Path below the layout's folder → its bytes, index.json last: before it nothing refers to the rest. */
  files: Map<string, string>
  /** Digest of the manifest: what a pod or a tag refers to. */
  digest: string
  losses: ImportLoss[]
}

/**
 * An OCI image layout (image-spec, image-layout.md) with one artifact that holds a profile. The same
 * profile gives the same bytes: there is no time in it. `oras copy --from-oci-layout DIR:TAG …` pushes it.
 * @param profile the bytes of the profile, as nodes have them
 */
export function exportArtifact(profile: string, tag: string, title: string): Artifact {
  const blobs = new Map<string, string>()
  const add = (mediaType: string, text: string) => {
    const digest = digestOf(text)
    blobs.set(`blobs/sha256/${digest.slice('sha256:'.length)}`, text)
    return { mediaType, digest, size: Buffer.byteLength(text) }
  }
  const manifest = canonicalJson({
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType,
    config: add(artifactType, '{}'),
    layers: [
      {
        ...add('application/json', profile),
        annotations: { 'org.opencontainers.image.title': 'profile.json' }
      }
    ],
    annotations: { 'org.opencontainers.image.title': title }
  })
  const described = add(manifestType, manifest)
  const files = new Map(blobs)
  files.set('oci-layout', canonicalJson({ imageLayoutVersion: '1.0.0' }))
  files.set(
    'index.json',
    canonicalJson({
      schemaVersion: 2,
      mediaType: indexType,
      manifests: [
        { ...described, artifactType, annotations: { 'org.opencontainers.image.ref.name': tag } }
      ]
    })
  )
  const rules = (JSON.parse(profile) as { syscalls?: unknown[] }).syscalls?.length ?? 0
  const losses =
    rules <= mostRules
      ? []
      : [
          {
            path: 'syscalls',
            what: `${rules} rules`,
            why: `runtimes accept at most ${mostRules} in an artifact by default`,
            fix: "raise the runtime's limit, or approve fewer conditions"
          }
        ]
  return { files, digest: described.digest, losses }
}
