import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type FleetParts, partsOf } from '../../hub/nodes/fleet-parts.js'
import { NodeStatus } from '../../../src/api/gen/hub.js'
import type { KnownNode, NodeState } from '../../hub/nodes/node-state.js'
import { nothingBlocked, type Unblocked } from '../../hub/revisions/unblocked.js'
import {
  decodeBlocks,
  encodeBlocks,
  isBlocks,
  type PublishedBlocks,
  type WireBlocks,
  withoutReplacements
} from './summary-blocks.js'

/** SummaryFailure is a revision that a node could not make ready. */
interface SummaryFailure {
  node: string
  path: string
  code: string
  message: string
}

/** HubSummary is what the active hub knows of the nodes, as the other replicas read it. */
export interface HubSummary extends FleetParts {
  /** Connected to the hub now. */
  connected: ReadonlySet<string>
  /** Were connected to a hub; it remembers what they hold. */
  away: ReadonlySet<string>
  /** When each node that is away was seen, and what of each node's status renderings depend on. */
  nodes: readonly Pick<KnownNode, 'name' | 'lastSeen' | 'status'>[]
  /** Returns the nodes that lack the revision of a path; all of them for a path that the hub does not know. */
  lacking(path: string): ReadonlySet<string>
  failures: readonly SummaryFailure[]
  /** What is blocked, and what it leaves of revisions; absent when nothing is blocked. */
  blocks?: PublishedBlocks
}

/**
 * Wire is the compressed JSON of a summary. Its size is bounded: node names, and twelve bytes per path, are listed
 * once. Nodes that lack the same paths are one group, so a complete fleet has no group.
 */
interface Wire {
  version: 2
  nodes: string[]
  /** Indexes in `nodes`, and when each of them was seen. */
  away: number[]
  seen: string[]
  /** For each node an index in `statuses`; -1: its status is not known. */
  kinds: number[]
  statuses: { arch: string; runtimes: { name: string; version: string }[] }[]
  /** `keyLength` characters for each path that the hub's nodes should hold. */
  paths: string
  /** `lacks` has indexes in `paths`; null: everything. */
  groups: { nodes: number[]; lacks: number[] | null }[]
  failures: { node: number; path: string; code: string; message: string }[]
  runtimes: { name: string; version: string }[]
  machines: string[]
  /** Absent when nothing is blocked. */
  blocks?: WireBlocks
}

export const keyLength = 16
const mostFailures = 64
/** Indexes in all groups. Further nodes are written as lacking everything, which is always safe. */
const mostIndexes = 200_000
/** An object of the API may have 1 MiB, base64 and metadata included. */
export const mostBytes = 700 * 1024
const mostUnpacked = 64 * 1024 * 1024

/** Returns twelve bytes of the path's digest: a second path with the same key cannot be found by trying. */
export function keyOf(path: string): string {
  return createHash('sha256').update(path).digest('base64').slice(0, keyLength)
}

function groupsOf(nodes: readonly NodeState[], paths: readonly string[]): Wire['groups'] {
  const groups = new Map<string, { nodes: number[]; lacks: number[] | null }>()
  let indexes = 0
  nodes.forEach(({ holding }, at) => {
    const missing: number[] = []
    paths.forEach((path, index) => {
      if (!holding.has(path)) missing.push(index)
    })
    if (missing.length === 0) return
    const all = missing.length === paths.length || indexes + missing.length > mostIndexes
    const lacks = all ? null : missing
    const name = lacks === null ? '' : lacks.join()
    const group = groups.get(name)
    if (group !== undefined) {
      group.nodes.push(at)
      return
    }
    groups.set(name, { nodes: [at], lacks })
    indexes += lacks?.length ?? 0
  })
  return [...groups.values()]
}

/** Returns what renderings depend on of each node's status: most nodes share it. */
function kindsOf(nodes: readonly NodeState[]): Pick<Wire, 'kinds' | 'statuses'> {
  const known = new Map<string, number>()
  const statuses: Wire['statuses'] = []
  const kinds = nodes.map(({ status }) => {
    if (status === undefined) return -1
    const runtimes = status.runtimes.map(({ name, version }) => ({ name, version }))
    const one = { arch: status.arch, runtimes }
    const text = JSON.stringify(one)
    const at = known.get(text) ?? statuses.push(one) - 1
    known.set(text, at)
    return at
  })
  return { kinds, statuses }
}

/**
 * Summarises which wanted paths a hub's nodes hold, and what a block leaves of them. The same input gives the same bytes.
 */
export function encodeSummary(
  nodes: readonly NodeState[],
  wanted: Iterable<string>,
  unblocked: Unblocked = nothingBlocked
): Buffer {
  const paths = [...wanted].sort()
  const known = new Set(paths)
  const failures: Wire['failures'] = []
  nodes.forEach((node, at) => {
    for (const path of [...node.problems.keys()].sort()) {
      const problem = node.problems.get(path)
      if (problem === undefined || failures.length >= mostFailures || !known.has(path)) continue
      const { code, message } = problem
      failures.push({ node: at, path, code: code.slice(0, 64), message: message.slice(0, 256) })
    }
  })
  const wire: Wire = {
    version: 2,
    nodes: nodes.map(({ name }) => name),
    away: nodes.flatMap(({ connected }, at) => (connected ? [] : [at])),
    seen: nodes.flatMap(({ connected, lastSeen }) => (connected ? [] : [lastSeen])),
    ...kindsOf(nodes),
    paths: paths.map(keyOf).join(''),
    groups: groupsOf(nodes, paths),
    failures,
    ...partsOf(nodes),
    ...encodeBlocks(paths, unblocked)
  }
  return withinBounds(wire)
}

/** Returns the bytes of a summary. What does not fit is left out in a way that is always safe. */
function withinBounds(wire: Wire): Buffer {
  const bytes = gzipSync(JSON.stringify(wire))
  if (bytes.length <= mostBytes) return bytes
  // One group for all nodes that lack anything: they are written as lacking everything.
  const lagging = [...new Set(wire.groups.flatMap((group) => group.nodes))].sort((a, b) => a - b)
  const coarse = { ...wire, groups: [{ nodes: lagging, lacks: null }] }
  const fewer = gzipSync(JSON.stringify(coarse))
  if (fewer.length <= mostBytes || wire.blocks === undefined) return fewer
  return gzipSync(JSON.stringify({ ...coarse, blocks: withoutReplacements(wire.blocks) }))
}

const isList = (value: unknown, isOne: (one: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isOne)
const isText = (value: unknown): boolean => typeof value === 'string'
const isNumber = (value: unknown): boolean => typeof value === 'number'
/** Returns a check that each member of a record passes its own check. */
const isRecord =
  (members: Record<string, (value: unknown) => boolean>) =>
  (value: unknown): boolean =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(members).every(([name, holds]) =>
      holds((value as Record<string, unknown>)[name])
    )

const isRuntimes = (value: unknown): boolean =>
  isList(value, isRecord({ name: isText, version: isText }))

/** Anybody who may write ConfigMaps can write anything here, which must not crash a replica. */
const isWire = isRecord({
  version: (version) => version === 2,
  nodes: (nodes) => isList(nodes, isText),
  seen: (seen) => isList(seen, isText),
  kinds: (kinds) => isList(kinds, isNumber),
  statuses: (statuses) => isList(statuses, isRecord({ arch: isText, runtimes: isRuntimes })),
  away: (away) => isList(away, isNumber),
  groups: (groups) =>
    isList(
      groups,
      isRecord({
        nodes: (nodes) => isList(nodes, isNumber),
        lacks: (lacks) => lacks === null || isList(lacks, isNumber)
      })
    ),
  failures: (failures) =>
    isList(failures, isRecord({ node: isNumber, path: isText, code: isText, message: isText })),
  runtimes: isRuntimes,
  machines: (machines) => isList(machines, isText),
  paths: isText,
  blocks: (blocks) => blocks === undefined || isBlocks(blocks)
}) as (value: unknown) => value is Wire

/** Reads a summary; undefined for another version or other content. */
export function decodeSummary(bytes: Buffer): HubSummary | undefined {
  let wire: unknown
  try {
    const text = gunzipSync(bytes, { maxOutputLength: mostUnpacked }).toString()
    wire = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isWire(wire)) return undefined
  const { nodes, paths, runtimes, machines } = wire
  const away = new Set(wire.away.flatMap((at) => nodes[at] ?? []))
  const index = new Map<string, number>()
  for (let at = 0; at * keyLength < paths.length; at += 1) {
    index.set(paths.slice(at * keyLength, (at + 1) * keyLength), at)
  }
  const groups = wire.groups.map((group) => ({
    names: group.nodes.flatMap((at) => nodes[at] ?? []),
    lacks: group.lacks === null ? undefined : new Set(group.lacks)
  }))
  const everybody = new Set(nodes)
  const seenAt = new Map(wire.away.map((at, nth) => [nodes[at], wire.seen[nth] ?? '']))
  return {
    nodes: nodes.map((name, at) => {
      const status = wire.statuses[wire.kinds[at] ?? -1]
      const lastSeen = seenAt.get(name) ?? ''
      return { name, lastSeen, ...(status && { status: NodeStatus.fromPartial(status) }) }
    }),
    connected: new Set(nodes.filter((name) => !away.has(name))),
    away,
    runtimes,
    machines,
    ...(wire.blocks && {
      blocks: decodeBlocks(wire.blocks, (path) => index.get(keyOf(path)))
    }),
    failures: wire.failures.flatMap(({ node, ...failure }) => {
      const name = nodes[node]
      return name === undefined ? [] : [{ node: name, ...failure }]
    }),
    lacking(path) {
      const at = index.get(keyOf(path))
      if (at === undefined) return everybody
      const lagging = groups.filter(({ lacks }) => lacks === undefined || lacks.has(at))
      return new Set(lagging.flatMap(({ names }) => names))
    }
  }
}
