import { join } from 'node:path'
import { stringify } from 'yaml'
import type { SeccompProfile } from '../api/seccomp-profile.js'
import { renderProfile } from '../seccomp/render.js'
import type { ObjectRef, Store } from '../store/store.js'
import type { Io } from './io.js'
import { mustGetProfile } from './profile.js'
import { storeResolver } from './store-resolver.js'

/**
 * The very bytes that the nodes have, as long as the hub's last rendering is of the profile as it
 * stands: it knows the fleet's runtimes, a rendering made here does not.
 */
async function deliveredBytes(
  io: Io,
  profile: SeccompProfile,
  revisions: string
): Promise<string | undefined> {
  const { revision, conditions } = profile.status ?? {}
  const ready = conditions?.find(({ type }) => type === 'Ready')
  if (revision === undefined || ready?.observedGeneration !== profile.metadata.generation)
    return undefined
  const file = join(revisions, `${revision.replace('sha256:', '')}.json`)
  return io.readFile(file).catch(() => undefined)
}

/** `secco profile export NAME`: the rendered OCI JSON, or the document for another installation. */
export async function exportProfile(
  io: Io,
  store: Store,
  ref: ObjectRef,
  args: { format: 'oci' | 'yaml'; mode: 'audit' | 'enforce'; revisions: string }
): Promise<number> {
  const profile = await mustGetProfile(store, ref)
  if (args.format === 'oci') {
    const delivered =
      args.mode === 'enforce' ? await deliveredBytes(io, profile, args.revisions) : undefined
    if (delivered !== undefined) {
      io.stdout(delivered)
      return 0
    }
    io.stdout(
      `${renderProfile(profile, { mode: args.mode, resolve: await storeResolver(store) }).json}\n`
    )
    return 0
  }
  const { apiVersion, kind, metadata, spec } = profile
  const { name, namespace, labels, annotations } = metadata
  const kept = {
    name,
    namespace,
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations })
  }
  io.stdout(stringify({ apiVersion, kind, metadata: kept, spec }))
  return 0
}
