import { isDeepStrictEqual } from 'node:util'
import type { KubeConfig } from '@kubernetes/client-node'
import { createApiCall, listCollection } from '../../../src/store/kubernetes-call.js'
import {
  type RawObject,
  type ReflectorEvent,
  startReflector
} from '../../../src/store/kubernetes-reflector.js'
import { type ClusterView, createClusterCache } from './cluster-view.js'
import { readNamespace, readNode, readPod } from './read-objects.js'

type WatchedResource = 'pods' | 'nodes' | 'namespaces'

interface InformerOptions {
  config: KubeConfig
  /** Default: all three. Admission alone needs no pods. */
  resources?: readonly WatchedResource[]
  /** Gets each event of the watches, for metrics and logs. */
  onWatch?: (resource: WatchedResource, event: ReflectorEvent, error?: unknown) => void
  /** See ReflectorOptions. */
  firstMs?: number
  longestMs?: number
}

interface Informers extends ClusterView {
  close(): void
}

/** Sink puts one kind of object into the cache. */
interface Sink {
  keys: () => Iterable<string>
  keyOf: (raw: RawObject) => string
  put: (raw: RawObject) => void
  remove: (key: string) => void
}

/**
 * Keeps a ClusterView up to date with one supervised watch per resource. Resolves when each was listed once.
 * A status update that changes no kept field is not a change.
 * Errors: FORBIDDEN, UNAUTHENTICATED, UNAVAILABLE of the first lists; later failures are retried.
 */
export async function startInformers(options: InformerOptions): Promise<Informers> {
  const { config, resources = ['pods', 'nodes', 'namespaces'] } = options
  const call = createApiCall(config)
  const cache = createClusterCache()

  function putChanged<T>(before: T | undefined, after: T, put: (value: T) => void): void {
    if (before === undefined || !isDeepStrictEqual(before, after)) put(after)
  }

  const nameOf = (raw: RawObject): string => raw.metadata.name
  const sinks: Record<WatchedResource, Sink> = {
    pods: {
      keys: () => cache.pods().keys(),
      keyOf: (raw) => readPod(raw).uid,
      put: (raw) => {
        const pod = readPod(raw)
        putChanged(cache.pods().get(pod.uid), pod, cache.putPod)
      },
      remove: cache.removePod
    },
    nodes: {
      keys: () => cache.nodes().keys(),
      keyOf: nameOf,
      put: (raw) => putChanged(cache.nodes().get(nameOf(raw)), readNode(raw), cache.putNode),
      remove: cache.removeNode
    },
    namespaces: {
      keys: () => cache.namespaces().keys(),
      keyOf: nameOf,
      put: (raw) => {
        const name = nameOf(raw)
        putChanged(cache.namespaces().get(name), readNamespace(raw), (labels) =>
          cache.putNamespace(name, labels)
        )
      },
      remove: cache.removeNamespace
    }
  }

  const reflectors = resources.map((resource) => {
    const sink = sinks[resource]
    const path = `/api/v1/${resource}`
    return startReflector({
      config,
      path,
      list: () => listCollection(call, path),
      onList: (items) => {
        const present = new Set(items.map(sink.keyOf))
        for (const key of [...sink.keys()]) if (!present.has(key)) sink.remove(key)
        for (const raw of items) sink.put(raw)
      },
      onChange: (type, raw) => (type === 'DELETED' ? sink.remove(sink.keyOf(raw)) : sink.put(raw)),
      onEvent: (event, error) => options.onWatch?.(resource, event, error),
      ...(options.firstMs === undefined ? {} : { firstMs: options.firstMs }),
      ...(options.longestMs === undefined ? {} : { longestMs: options.longestMs })
    })
  })
  const close = (): void => {
    for (const { stop } of reflectors) stop()
  }
  try {
    await Promise.all(reflectors.map(async ({ ready }) => ready))
  } catch (error) {
    close()
    throw error
  }
  return { ...cache, close }
}
