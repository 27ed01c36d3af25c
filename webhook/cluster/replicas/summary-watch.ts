import type { KubeConfig } from '@kubernetes/client-node'
import { type ApiCall, listCollection } from '../../../src/store/kubernetes-call.js'
import {
  type RawObject,
  type ReflectorEvent,
  startReflector
} from '../../../src/store/kubernetes-reflector.js'
import { Listeners } from '../../../src/lib/listeners.js'
import { decodeSummary, type HubSummary } from './hub-summary.js'
import { namePrefix, summaryLabel } from './summary-publisher.js'

/** SummaryWatch keeps the summaries of the other hubs. */
export interface SummaryWatch {
  /** Returns the summaries; a new list after each change. The nodes of a dead hub are away; later it is left out. */
  summaries(): readonly HubSummary[]
  /** Returns the names of summaries whose hubs will not return. */
  expired(): string[]
  onChange(listener: () => void): () => void
  close(): void
}

export interface SummaryWatchOptions {
  config: KubeConfig
  call: ApiCall
  namespace: string
  /** This replica's own hub, whose summary is left out. */
  own?: string
  onEvent?: (event: ReflectorEvent, error?: unknown) => void
  /** A hub without a renewal for this long is dead; its nodes connect to another one. */
  deadMs?: number
  /** After this long the summary of a dead hub is left out. */
  forgetMs?: number
}

interface Known {
  summary: HubSummary
  /** By `contactAt`, a clock that runs only while the API server is reachable. */
  renewedAt: number
  renewal: string
}

function awayFrom(summary: HubSummary): HubSummary {
  const away = new Set([...summary.connected, ...summary.away])
  return { ...summary, connected: new Set(), away }
}

/**
 * Follows the summaries of hubs. A summary's age is the time from its last renewal to the last contact with the API
 * server, by this process's own clock: while the API server is down no hub can renew, and none counts as dead.
 * Errors: those of the first list.
 */
export async function startSummaryWatch(options: SummaryWatchOptions): Promise<SummaryWatch> {
  const { config, call, namespace, own, deadMs = 45_000, forgetMs = 600_000 } = options
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  const query = { labelSelector: summaryLabel }
  const known = new Map<string, Known>()
  const listeners = new Listeners()
  let contactAt = performance.now()
  let list: readonly HubSummary[] = []
  let shape = ''

  /** Computes the current summaries, and notifies the listeners of a change. */
  function settle(changed: boolean): void {
    const age = ({ renewedAt }: Known): number => contactAt - renewedAt
    const alive = [...known].filter(([, one]) => age(one) < forgetMs)
    const now = alive.map(([name, one]) => `${name} ${age(one) < deadMs}`).join()
    if (!changed && now === shape) return
    shape = now
    list = alive.map(([, one]) => (age(one) < deadMs ? one.summary : awayFrom(one.summary)))
    listeners.notify()
  }

  /** Returns true when the summary changed. */
  function put(raw: RawObject): boolean {
    const { name } = raw.metadata
    if (name === `${namePrefix}${own ?? ''}`) return false
    const { data, binaryData } = raw as {
      data?: Record<string, string>
      binaryData?: Record<string, string>
    }
    const renewal = data?.['renewed'] ?? ''
    const packed = binaryData?.['summary'] ?? ''
    const before = known.get(name)
    const renewedAt = before?.renewal === renewal ? before.renewedAt : contactAt
    const summary = packed === '' ? undefined : decodeSummary(Buffer.from(packed, 'base64'))
    if (summary === undefined) return known.delete(name)
    const ended = data?.['ended'] === 'true'
    const named = { ...summary, hub: name.slice(namePrefix.length) }
    known.set(name, { summary: ended ? awayFrom(named) : named, renewedAt, renewal })
    return true
  }

  const reflector = startReflector({
    config,
    path,
    query,
    list: () => listCollection(call, path, query),
    onList: (items) => {
      contactAt = performance.now()
      const present = new Set(items.map(({ metadata }) => metadata.name))
      for (const name of [...known.keys()]) if (!present.has(name)) known.delete(name)
      for (const item of items) put(item)
      settle(true)
    },
    onChange: (type, raw) => {
      contactAt = performance.now()
      settle(type === 'DELETED' ? known.delete(raw.metadata.name) : put(raw))
    },
    ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent })
  })
  try {
    await reflector.ready
  } catch (error) {
    reflector.stop()
    throw error
  }

  return {
    summaries: () => list,
    expired: () =>
      [...known].filter(([, one]) => contactAt - one.renewedAt >= forgetMs).map(([name]) => name),
    onChange: listeners.add,
    close() {
      reflector.stop()
      listeners.clear()
    }
  }
}
