import { stringify } from 'yaml'
import { apiVersion } from '../../src/api/names.js'
import { alignedLines } from './aligned-lines.js'
import { type Io, paint, plain } from './io.js'
import { type ListingView, sortedBy } from './listing-view.js'
import type { Output } from './output-format.js'

export interface Column<Row> {
  title: string
  value: (row: Row) => string
  /** Shown with -o wide only. */
  wide?: boolean
}

/** Formats rows as a table with aligned columns. Control characters are replaced. */
export function table<Row>(
  io: Io,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  headers = true
): string {
  const cells = rows.map((row) => columns.map((column) => plain(column.value(row))))
  if (!headers) return `${alignedLines(cells).join('\n')}\n`
  const [head = '', ...lines] = alignedLines([columns.map(({ title }) => title), ...cells])
  return `${[paint(io, 'bold', head), ...lines].join('\n')}\n`
}

interface Listing<Row> {
  /** Plural, for the empty note. */
  what: string
  /** The sentence for an empty list, in place of `No … found.` */
  none?: string
  rows: readonly Row[]
  columns: readonly Column<Row>[]
  /** `kind/name`, for -o name. */
  name: (row: Row) => string
  /** The value of a row for -o json and -o yaml. */
  object: (row: Row) => unknown
  /** Further members of the list for -o json and -o yaml. */
  members?: Readonly<Record<string, unknown>>
  /** A sentence after `No … found.` about what an empty list does not exclude. */
  emptyNote?: string
}

/** Prints a list the way kubectl does: data to stdout, `No … found.` to stderr with exit code 0. */
export function printListing<Row>(
  io: Io,
  output: Output,
  listing: Listing<Row>,
  view: ListingView = { headers: true }
): number {
  const { members = {}, none = `No ${listing.what} found.`, emptyNote } = listing
  const { keyOf } = view
  const rows =
    keyOf === undefined ? listing.rows : sortedBy(listing.rows, (row) => keyOf(listing.object(row)))
  if (view.format !== undefined) {
    io.stdout(view.format(rows.map(listing.object)))
    return 0
  }
  if (output === 'json' || output === 'yaml') {
    const items = rows.map(listing.object)
    const list = { apiVersion, kind: 'List', ...members, items }
    io.stdout(output === 'json' ? `${JSON.stringify(list, null, 2)}\n` : stringify(list))
    return 0
  }
  if (rows.length === 0) {
    const note = emptyNote === undefined ? '' : ` ${emptyNote}`
    io.stderr(`${none}${note}\n`)
    return 0
  }
  if (output === 'name') {
    io.stdout(rows.map((row) => `${listing.name(row)}\n`).join(''))
    return 0
  }
  const columns = listing.columns.filter((column) => output === 'wide' || column.wide !== true)
  io.stdout(table(io, rows, columns, view.headers))
  return 0
}

/** Prints one object as json or yaml. */
export function printObject(io: Io, output: 'json' | 'yaml', object: unknown): void {
  io.stdout(output === 'json' ? `${JSON.stringify(object, null, 2)}\n` : stringify(object))
}

/** Formats how long ago a time was, as kubectl does: 42s, 7m, 3h, 2d. */
export function age(timestamp: string | undefined, now: number): string {
  if (timestamp === undefined) return '-'
  const seconds = Math.max(0, Math.floor((now - Date.parse(timestamp)) / 1000))
  if (Number.isNaN(seconds)) return '-'
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}
