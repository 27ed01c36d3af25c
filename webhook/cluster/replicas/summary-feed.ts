import type { KubeConfig } from '@kubernetes/client-node'
import { type ApiCall, listCollection } from '../../../src/store/kubernetes-call.js'
import {
  type RawObject,
  type ReflectorEvent,
  startReflector
} from '../../../src/store/kubernetes-reflector.js'
import { decodeSummary, type HubSummary } from './hub-summary.js'
import { namePrefix, summaryLabel } from './summary-publisher.js'

/** The summaries of the other hubs, kept by a watch. */
export interface SummaryFeed {
  /** A dead hub's nodes are away in it; one that is long dead is left out. A new list after each change. */
  summaries(): readonly HubSummary[]
  /** Names of objects whose hubs are long dead. */
  expired(): string[]
  onChange(listener: () => void): () => void
  close(): void
}

export interface SummaryFeedOptions {
  config: KubeConfig
  call: ApiCall
  namespace: string
  /** The hub whose summary is left out: it knows better itself. */
  own?: string
  onEvent?: (event: ReflectorEvent, error?: unknown) => void
  /** Without a renewal for so long a hub is dead; its nodes look for another one. */
  deadMs?: number
  /** After so long what it knew is no longer counted on. */
  forgetMs?: number
}

interface Known {
  summary: HubSummary
  /** By `heardAt`, the clock that runs only while the API server is heard. */
  renewedAt: number
  renewal: string
}

function awayFrom(summary: HubSummary): HubSummary {
  const away = new Set([...summary.connected, ...summary.away])
  return { ...summary, connected: new Set(), away }
}

/**
 * Follows the summaries of hubs. Age is told by this process's own clock from the last renewal that
 * was seen, and only up to the last time that anything was heard of the API server: while it is
 * down nobody can renew, and nobody is dead for that.
 * Errors: those of the first list.
 */
export async function startSummaryFeed(options: SummaryFeedOptions): Promise<SummaryFeed> {
  const { config, call, namespace, own, deadMs = 45_000, forgetMs = 600_000 } = options
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  const query = { labelSelector: summaryLabel }
  const known = new Map<string, Known>()
  const listeners = new Set<() => void>()
  let heardAt = performance.now()
  let list: readonly HubSummary[] = []
  let shape = ''

  /** Works out what counts now, and tells when that is news. */
  function settle(changed: boolean): void {
    const age = ({ renewedAt }: Known): number => heardAt - renewedAt
    const alive = [...known].filter(([, one]) => age(one) < forgetMs)
    const now = alive.map(([name, one]) => `${name} ${age(one) < deadMs}`).join()
    if (!changed && now === shape) return
    shape = now
    list = alive.map(([, one]) => (age(one) < deadMs ? one.summary : awayFrom(one.summary)))
    for (const listener of [...listeners]) listener()
  }

  /** True when it says something new. */
  function take(raw: RawObject): boolean {
    const { name } = raw.metadata
    if (name === `${namePrefix}${own ?? ''}`) return false
    const { data, binaryData } = raw as {
      data?: Record<string, string>
      binaryData?: Record<string, string>
    }
    const renewal = data?.['renewed'] ?? ''
    const packed = binaryData?.['summary'] ?? ''
    const before = known.get(name)
    const renewedAt = before?.renewal === renewal ? before.renewedAt : heardAt
    const summary = packed === '' ? undefined : decodeSummary(Buffer.from(packed, 'base64'))
    if (summary === undefined) return known.delete(name)
    const ended = data?.['ended'] === 'true'
    known.set(name, { summary: ended ? awayFrom(summary) : summary, renewedAt, renewal })
    return true
  }

  const reflector = startReflector({
    config,
    path,
    query,
    list: () => listCollection(call, path, query),
    onList: (items) => {
      heardAt = performance.now()
      const present = new Set(items.map(({ metadata }) => metadata.name))
      for (const name of [...known.keys()]) if (!present.has(name)) known.delete(name)
      for (const item of items) take(item)
      settle(true)
    },
    onChange: (type, raw) => {
      heardAt = performance.now()
      settle(type === 'DELETED' ? known.delete(raw.metadata.name) : take(raw))
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
      [...known].filter(([, one]) => heardAt - one.renewedAt >= forgetMs).map(([name]) => name),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close() {
      reflector.stop()
      listeners.clear()
    }
  }
}
