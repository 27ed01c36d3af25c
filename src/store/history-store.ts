import { rootNamespace } from '../api/names.js'
import { SeccoError } from '../lib/errors.js'

/** StoredHistory is the text of one document, and the version that a later write has to name. */
export interface StoredHistory {
  /** Empty when the document has none: somebody edited it. */
  text: string
  /** The workload, for people; empty when somebody removed it. */
  about: string
  version: string
}

/**
 * HistoryStore keeps one document for each workload. Both stores keep it as the same ConfigMap in Secco's own namespace:
 * nothing that a user's pod may write, and no further rights for the hub.
 */
export interface HistoryStore {
  /** Reads all documents, one after the other: together they can be larger than the memory of a hub. */
  list(): AsyncIterable<{ name: string } & StoredHistory>
  get(name: string): Promise<StoredHistory | undefined>
  /**
   * Writes a document whole; it is durable when the promise resolves. Returns its version.
   * @param about the workload, for people who read the object
   * @param version of the document that this one replaces; undefined: there must be none
   * @throws SeccoError CONFLICT when the document has another version by now
   */
  put(name: string, about: string, text: string, version: string | undefined): Promise<string>
  /**
   * Copies a document that is no history, with all of its bytes, to where nothing reads it. Returns the place. There is
   * one place for each document: the copy replaces an earlier one.
   */
  setAside(name: string): Promise<string>
  /** Deletes a document and its copy, if they are there. */
  delete(name: string): Promise<void>
}

export const historyLabel = 'secco.dev/history'
const aboutAnnotation = 'secco.dev/workload'

/** Returns the ConfigMap that keeps a history. */
export function historyObject(name: string, about: string, text: string) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      ...{ name, namespace: rootNamespace },
      labels: { [historyLabel]: 'true' },
      annotations: { [aboutAnnotation]: about }
    },
    data: { history: text }
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Returns what such a ConfigMap keeps. */
export function historyIn(object: unknown): Pick<StoredHistory, 'text' | 'about'> {
  const { data, metadata } = (object ?? {}) as {
    data?: Record<string, unknown> | null
    metadata?: { annotations?: Record<string, unknown> | null } | null
  }
  return {
    text: textOf(data?.['history']),
    about: textOf(metadata?.annotations?.[aboutAnnotation])
  }
}

export function historyConflict(name: string): SeccoError {
  return new SeccoError('CONFLICT', `ConfigMap ${rootNamespace}/${name}: another hub wrote it`)
}
