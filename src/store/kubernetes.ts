import type { KubeConfig } from '@kubernetes/client-node'
import { createApiCall } from './kubernetes-call.js'
import { kubernetesHistory } from './kubernetes-history.js'
import { KubernetesMirror } from './kubernetes-mirror.js'
import { kubernetesObjects, readObject } from './kubernetes-objects.js'
import type { ReflectorEvent } from './kubernetes-reflector.js'
import type { Kind } from '../api/objects.js'
import type { Store } from './store.js'

export interface KubernetesStoreOptions {
  config: KubeConfig
  /** Field manager of our writes (server-side apply). */
  fieldManager?: string
  /** Receives every event of the watches; for metrics. */
  onWatch?: (kind: Kind, event: ReflectorEvent, error?: unknown) => void
  /** For a person's one question or change, who may read some objects only: opening reads nothing. */
  lazy?: boolean
}

/**
 * Opens the Kubernetes API as a store, with the same contract as the folder. Reads and writes go to the API
 * server (kubernetes-objects.ts); one reflector per kind keeps a watch alive.
 * Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, CONFLICT, INVALID_DOCUMENT (with the API server's message),
 * UNAVAILABLE; INVALID_NAME before any request.
 */
export async function openKubernetesStore(options: KubernetesStoreOptions): Promise<Store> {
  const { listRaw, ...objects } = kubernetesObjects(options.config, options.fieldManager)
  const mirror = new KubernetesMirror({
    config: options.config,
    list: listRaw,
    read: readObject,
    lazy: options.lazy === true,
    ...(options.onWatch === undefined ? {} : { onWatch: options.onWatch })
  })
  await mirror.check()

  return {
    async list(kind, namespace) {
      const { items } = await listRaw(kind, namespace)
      return items.flatMap((raw) => {
        try {
          return [readObject(kind, raw)]
        } catch {
          // The mirror reports it as a problem.
          return []
        }
      })
    },
    ...objects,
    watch: (listener) => mirror.watch(listener),
    problems: () => mirror.problems(),
    history: kubernetesHistory(createApiCall(options.config)),
    close: () => {
      mirror.stop()
      return Promise.resolve()
    }
  }
}
