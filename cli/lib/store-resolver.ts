import { rootNamespace } from '../../src/api/names.js'
import type { Resolve } from '../../src/seccomp/render/approved.js'
import type { Store } from '../../src/store/store.js'

/** Resolves `extends` and the emergency overlay against everything that the store holds. */
export async function storeResolver(store: Store): Promise<Resolve> {
  const all = new Map(
    (await store.list('SeccompProfile')).map((profile) => [
      `${profile.metadata.namespace ?? rootNamespace}/${profile.metadata.name}`,
      profile
    ])
  )
  return (namespace, name) => all.get(`${namespace}/${name}`)
}
