import { rootNamespace } from '../api/names.js'
import { SeccoError } from '../lib/errors.js'
import { historyLabel, historyObject, historyText, type HistoryStore } from './history-store.js'
import { type ApiCall, listPages } from './kubernetes-call.js'

const collection = `/api/v1/namespaces/${rootNamespace}/configmaps`

/** Histories of a page: 64 KiB each at most. */
const pageSize = 50

interface ConfigMap {
  metadata: { name: string; resourceVersion?: string }
}

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
          yield { name, text: historyText(raw), version: versionOf(raw) }
        }
      }
    },
    async get(name) {
      try {
        const raw = await call('GET', `${collection}/${name}`)
        return { text: historyText(raw), version: versionOf(raw) }
      } catch (error) {
        if (error instanceof SeccoError && error.code === 'NOT_FOUND') return undefined
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
    async delete(name) {
      await call('DELETE', `${collection}/${name}`).catch((error: unknown) => {
        if (!(error instanceof SeccoError) || error.code !== 'NOT_FOUND') throw error
      })
    }
  }
}
