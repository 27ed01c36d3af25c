import type { RawObject } from '../../../src/store/kubernetes-reflector.js'
import { Listeners } from '../../../src/lib/listeners.js'
import type { KnownNode } from '../../hub/nodes/node-state.js'
import { type ConfigMapWatchOptions, watchConfigMap } from './config-map-watch.js'
import { decodeSummary, type HubSummary } from './hub-summary.js'
import { summaryName } from './summary-publisher.js'

/** PublishedSummary is the summary that the active hub, or the last one, has written. */
export interface PublishedSummary extends HubSummary {
  /** Name of the hub: that of its pod. */
  hub: string
}

/** SummaryWatch follows the summary of the active hub. */
export interface SummaryWatch {
  /** Returns the newest summary. That of a hub that died stays until the next one writes: files stay on nodes. */
  current(): PublishedSummary | undefined
  /** Returns the nodes of the newest summary with those of the paths that they hold. */
  known(paths: Iterable<string>): KnownNode[]
  /** Returns how long ago the summary was written last, as seen here (ms); infinite when it is not known. */
  ageMs(): number
  onChange(listener: () => void): () => void
  close(): void
}

interface Known {
  summary: PublishedSummary
  packed: string
  /** When the hub wrote it last (RFC 3339). */
  renewal: string
}

/** Reads the ConfigMap; undefined for another version or other content. */
function read(raw: RawObject): Known | undefined {
  const { data = {}, binaryData = {} } = raw as {
    data?: Record<string, string>
    binaryData?: Record<string, string>
  }
  const packed = binaryData['summary'] ?? ''
  const summary = packed === '' ? undefined : decodeSummary(Buffer.from(packed, 'base64'))
  if (summary === undefined) return undefined
  const { hub = '', renewed: renewal = '' } = data
  return { summary: { ...summary, hub }, packed, renewal }
}

/** Returns the nodes of a summary with the paths that they hold. */
function knownNodes({ summary, renewal }: Known, paths: Iterable<string>): KnownNode[] {
  const holding = new Map(summary.nodes.map(({ name }) => [name, [] as string[]]))
  for (const path of paths) {
    const lacking = summary.lacking(path)
    for (const [name, held] of holding) if (!lacking.has(name)) held.push(path)
  }
  return summary.nodes.map((node) => ({
    ...node,
    // A node that was connected was seen when the hub wrote this.
    lastSeen: node.lastSeen === '' ? renewal : node.lastSeen,
    holding: holding.get(node.name) ?? []
  }))
}

/** Follows the summary. Errors: those of the first list. */
export async function startSummaryWatch(options: ConfigMapWatchOptions): Promise<SummaryWatch> {
  const listeners = new Listeners()
  let known: Known | undefined
  let renewedAt = Number.NEGATIVE_INFINITY

  function settle(next: Known | undefined): void {
    const before = known
    known = next
    if (before !== undefined && next?.renewal !== before.renewal) renewedAt = performance.now()
    // Most writes only renew what is known.
    if (before?.packed === next?.packed && before?.summary.hub === next?.summary.hub) return
    listeners.notify()
  }

  const stop = await watchConfigMap(options, summaryName, (raw) => settle(raw && read(raw)))

  return {
    current: () => known?.summary,
    known: (paths) => (known === undefined ? [] : knownNodes(known, paths)),
    ageMs: () => performance.now() - renewedAt,
    onChange: listeners.add,
    close() {
      stop()
      listeners.clear()
    }
  }
}
