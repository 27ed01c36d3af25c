import { setTimeout as delay } from 'node:timers/promises'
import { parseHistory } from '../../../../src/history/workload-history.js'
import { SeccoError } from '../../../../src/lib/errors.js'
import type { HistoryStore } from '../../../../src/store/history-store.js'

/** A store in memory, that counts its reads and writes, and fails when it is told to. */
export function memoryStore() {
  const documents = new Map<string, { text: string; about: string; version: string }>()
  const written: { about: string; at: number }[] = []
  const aside: string[] = []
  const read: string[] = []
  let failure: SeccoError | undefined
  const store: HistoryStore = {
    async *list() {
      await Promise.resolve()
      for (const [name, one] of documents) yield { name, ...one }
    },
    get: (name) => {
      read.push(name)
      return Promise.resolve(documents.get(name))
    },
    setAside: (name) => {
      aside.push(documents.get(name)?.text ?? '')
      return Promise.resolve(`aside/${name}`)
    },
    delete: (name) => Promise.resolve(void documents.delete(name)),
    async put(name, about, text, version) {
      await delay(1)
      if (failure !== undefined) throw failure
      if (documents.get(name)?.version !== version) throw new SeccoError('CONFLICT', name)
      const next = String(Number(version ?? 0) + 1)
      documents.set(name, { text, about, version: next })
      written.push({ about, at: performance.now() })
      return next
    }
  }
  return {
    ...{ store, read, written, documents, aside },
    fail: (error: SeccoError | undefined) => (failure = error),
    counts: () =>
      [...documents.values()].flatMap(({ text }) =>
        (parseHistory(text)?.denials ?? []).map(({ count }) => count)
      )
  }
}
