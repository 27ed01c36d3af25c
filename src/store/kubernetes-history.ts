import { asideSuffix } from '../lib/durable-file.js'
import { rootNamespace } from '../api/names.js'
import { SeccoError } from '../lib/errors.js'
import { historyIn, historyLabel, historyObject, type HistoryStore } from './history-store.js'
import { type ApiCall, listPages } from './kubernetes-call.js'

const collection = `/api/v1/namespaces/${rootNamespace}/configmaps`

/** Histories of a page: 64 KiB each at most. */
const pageSize = 50

interface ConfigMap {
  metadata: { name: string; resourceVersion?: string; annotations?: Record<string, string> }
  data?: Record<string, string>
  binaryData?: Record<string, string>
}

const hasCode = (error: unknown, code: SeccoError['code']): boolean =>
  error instanceof SeccoError && error.code === code

const versionOf = (raw: unknown): string =>
  (raw as ConfigMap | undefined)?.metadata.resourceVersion ?? ''

/** Returns the histories in a cluster: one ConfigMap per workload. */
export function kubernetesHistory(call: ApiCall): HistoryStore {
  return {
    async *list() {
      const narrow = { labelSelector: `${historyLabel}=true` }
      for await (const { items } of listPages(call, collection, narrow, pageSize)) {
        for (const raw of items ?? []) {
          const { name } = raw.metadata
          yield { name, ...historyIn(raw), version: versionOf(raw) }
        }
      }
    },
    async get(name) {
      try {
        const raw = await call('GET', `${collection}/${name}`)
        return { ...historyIn(raw), version: versionOf(raw) }
      } catch (error) {
        if (hasCode(error, 'NOT_FOUND')) return undefined
        throw error
      }
    },
    async put(name, about, text, version) {
      const { metadata, ...rest } = historyObject(name, about, text)
      if (version === undefined) {
        return versionOf(await call('POST', collection, { body: { metadata, ...rest } }))
      }
      const body = { metadata: { ...metadata, resourceVersion: version }, ...rest }
      return versionOf(await call('PUT', `${collection}/${name}`, { body }))
    },
    async setAside(name) {
      const raw = (await call('GET', `${collection}/${name}`)) as ConfigMap
      const { data, binaryData } = raw
      const aside = name + asideSuffix
      const { annotations } = raw.metadata
      // Without the label of histories: no hub lists it.
      const metadata = { name: aside, namespace: rootNamespace, annotations }
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data, binaryData }
      await call('POST', collection, { body }).catch((error: unknown) => {
        if (!hasCode(error, 'CONFLICT')) throw error
        return call('PUT', `${collection}/${aside}`, { body })
      })
      return `ConfigMap ${rootNamespace}/${aside}`
    },
    async delete(name) {
      for (const each of [name, name + asideSuffix])
        await call('DELETE', `${collection}/${each}`).catch((error: unknown) => {
          if (!hasCode(error, 'NOT_FOUND')) throw error
        })
    }
  }
}
