import type { DenialRow } from './denial-row.js'
import { placeOf } from './denial-table.js'

/** DenialCounts is the number of denials, with the expected ones apart. */
export interface DenialCounts {
  denials: number
  expected: number
}

/** SavedDenials is what a hub saves for the next one on the same folder. */
export interface SavedDenials {
  /** The value of `knownSince()`. */
  since: string
  /** The least recently changed row is first. */
  rows: DenialRow[]
  /** When the instance was first reported (RFC 3339), by `runKey`. */
  runs: Record<string, string>
}

/** Runs is what was counted of a container, by instance. */
export type Runs = Map<string, DenialCounts & { since: string }>

/** Returns the key of an instance in `SavedDenials`. */
export const runKey = ({
  node,
  container,
  instance
}: Pick<DenialRow, 'node' | 'container' | 'instance'>): string => `${node} ${container} ${instance}`

/** Returns the sums of saved rows by container, then by instance. */
export function sumsOf({ rows, runs }: SavedDenials): Map<string, Runs> {
  const containers = new Map<string, Runs>()
  for (const row of rows) {
    const { instance, expected, count, firstSeen } = row
    const place = placeOf(row)
    const own: Runs = containers.get(place) ?? new Map<string, never>()
    const since = runs[runKey(row)] ?? firstSeen
    const sum = own.get(instance) ?? { denials: 0, expected: 0, since }
    sum[expected ? 'expected' : 'denials'] += count
    containers.set(place, own.set(instance, sum))
  }
  return containers
}
