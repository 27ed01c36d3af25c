import type { KubeConfig } from '@kubernetes/client-node'
import type { AnyObject, Kind, Objects } from '../../src/api/objects.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { kubernetesObjects } from '../../src/store/kubernetes-objects.js'
import type { Store } from '../../src/store/store.js'
import { askHub, type HubAccess } from './hub-api.js'

/** Writes metadata and spec of an object that the hub changed, unless somebody changed it meanwhile. */
async function write<K extends Kind>(
  store: Pick<Store, 'apply' | 'update'>,
  kind: K,
  object: Objects[K]
): Promise<void> {
  const { namespace = '', name, generation, labels, annotations } = object.metadata
  if (generation === undefined) {
    await store.apply(kind, object)
    return
  }
  await store.update(kind, { namespace, name }, (current) => {
    if (current.metadata.generation !== generation) {
      throw new SeccoError('CONFLICT', `${kind} ${namespace}/${name} was changed by somebody else`)
    }
    const metadata = {
      ...current.metadata,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations })
    }
    return { ...current, metadata, spec: object.spec }
  })
}

/**
 * Writes, with the user's own kubeconfig, what the hub works out for a change of a user without a token. Ends when the
 * signal fires. Never throws: the hub gets the error, and answers with it.
 */
export async function writeForHub(
  config: KubeConfig,
  access: HubAccess,
  id: string,
  signal: AbortSignal
): Promise<void> {
  const store = kubernetesObjects(config)
  const path = `/api/v1/writes/${id}`
  while (!signal.aborted) {
    try {
      const { object } = await askHub<{ object?: AnyObject }>(
        access,
        path,
        undefined,
        30_000,
        signal
      )
      if (object === undefined) continue
      const outcome = await write(store, object.kind, object).then(
        () => ({}),
        (error: unknown) => {
          const { code, message, hint } = toSeccoError(error)
          return { code, message: message.slice(0, 4000), hint: hint.slice(0, 4000) }
        }
      )
      await askHub(access, path, outcome, 30_000, signal)
    } catch {
      // The change itself has the error; an earlier hub knows no such path.
      return
    }
  }
}
