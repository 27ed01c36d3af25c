import type { KubeConfig } from '@kubernetes/client-node'
import { apiVersion } from '../api/names.js'
import { kinds, pluralOf } from './directory-layout.js'
import { createMirror } from './kubernetes-mirror.js'
import { kubernetesObjects, readObject } from './kubernetes-objects.js'
import type { ReflectorEvent } from './kubernetes-reflector.js'
import type { Kind } from '../api/objects.js'
import type { Store } from './store.js'

export interface KubernetesStoreOptions {
  config: KubeConfig
  /** Field manager of our writes (server-side apply). */
  fieldManager?: string
  /** Told of everything that the watches go through; for metrics. */
  onWatch?: (kind: Kind, event: ReflectorEvent, error?: unknown) => void
  /** For a person's one question or change, who may read some objects only: opening reads nothing. */
  lazy?: boolean
}

/**
 * The Kubernetes API as a store: the same contract as the folder. Reads and writes go to the API
 * server (kubernetes-objects.ts), watches are kept alive by a supervisor each.
 * Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, CONFLICT, INVALID_DOCUMENT (the API server's words),
 * UNAVAILABLE; INVALID_NAME before anything is asked.
 */
export async function openKubernetesStore(options: KubernetesStoreOptions): Promise<Store> {
  const { listRaw, ...objects } = kubernetesObjects(options.config, options.fieldManager)
  const mirror = await createMirror({
    config: options.config,
    list: listRaw,
    read: readObject,
    lazy: options.lazy === true,
    ...(options.onWatch === undefined ? {} : { onWatch: options.onWatch })
  })

  return {
    async list(kind) {
      const { items } = await listRaw(kind)
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
    close: () => {
      mirror.stop()
      return Promise.resolve()
    }
  }
}

/** API paths of everything that is kept, for RBAC and tests. */
export const collectionPaths = kinds.map((kind) => `/apis/${apiVersion}/${pluralOf[kind]}`)
