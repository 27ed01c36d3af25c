import type { RevisionRef } from '../../src/api/gen/hub.js'
import type { Container } from '../containers/runtime.js'
import { canonicalOf, digestOfSeccomp } from '../containers/seccomp-digest.js'
import { readInstalled } from './installer.js'

interface Holder {
  root: string
  /** Revisions on disk and verified. */
  holding: Iterable<RevisionRef>
  containers: readonly Container[]
}

/** Returns the bytes of a revision: of a file with its digest, else as the configuration of a container has them. */
export async function readHeld(
  digest: string,
  { root, holding, containers }: Holder
): Promise<Uint8Array | undefined> {
  const held = [...holding].find((ref) => ref.digest === digest)
  const bytes = held && (await readInstalled(root, held))
  if (bytes !== undefined) return bytes
  const own = containers.find(
    ({ seccomp }) => seccomp !== undefined && digestOfSeccomp(seccomp) === digest
  )
  return own?.seccomp === undefined ? undefined : Buffer.from(canonicalOf(own.seccomp))
}
