import type { KubeConfig } from '@kubernetes/client-node'
import { type ApiCall, listCollection } from '../../../src/store/kubernetes-call.js'
import {
  type RawObject,
  type ReflectorEvent,
  startReflector
} from '../../../src/store/kubernetes-reflector.js'

export interface ConfigMapWatchOptions {
  config: KubeConfig
  call: ApiCall
  namespace: string
  onEvent?: (event: ReflectorEvent, error?: unknown) => void
}

/**
 * Follows one ConfigMap by name; resolves with how to stop when it was read once. Errors: those of the first list.
 * @param settle gets each version; undefined: it does not exist
 */
export async function watchConfigMap(
  { config, call, namespace, onEvent }: ConfigMapWatchOptions,
  name: string,
  settle: (raw: RawObject | undefined) => void
): Promise<() => void> {
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  const query = { fieldSelector: `metadata.name=${name}` }
  const reflector = startReflector({
    ...{ config, path, query },
    list: () => listCollection(call, path, query),
    onList: ([item]) => settle(item),
    onChange: (type, raw) => settle(type === 'DELETED' ? undefined : raw),
    ...(onEvent === undefined ? {} : { onEvent })
  })
  try {
    await reflector.ready
  } catch (error) {
    reflector.stop()
    throw error
  }
  return reflector.stop
}
