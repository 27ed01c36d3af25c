import { stringify } from 'yaml'
import { apiVersion } from '../../src/api/names.js'
import { type Io, paint, plain } from './io.js'
import type { Output } from './output-format.js'

export interface Column<Row> {
  title: string
  value: (row: Row) => string
  /** Shown with -o wide only. */
  wide?: boolean
}

/** Returns the rows as lines with aligned columns. */
export function alignedLines(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  }
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('   ')
      .trimEnd()
  )
}

/** Formats rows as a table with aligned columns. Control characters are replaced. */
export function table<Row>(io: Io, rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = rows.map((row) => columns.map((column) => plain(column.value(row))))
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
export function printListing<Row>(io: Io, output: Output, listing: Listing<Row>): number {
  const { members = {}, none = `No ${listing.what} found.`, emptyNote } = listing
  if (output === 'json' || output === 'yaml') {
    const items = listing.rows.map(listing.object)
    const list = { apiVersion, kind: 'List', ...members, items }
    io.stdout(output === 'json' ? `${JSON.stringify(list, null, 2)}\n` : stringify(list))
    return 0
  }
  if (listing.rows.length === 0) {
    const note = emptyNote === undefined ? '' : ` ${emptyNote}`
    io.stderr(`${none}${note}\n`)
    return 0
  }
  if (output === 'name') {
    io.stdout(listing.rows.map((row) => `${listing.name(row)}\n`).join(''))
    return 0
  }
  const columns = listing.columns.filter((column) => output === 'wide' || column.wide !== true)
  io.stdout(table(io, listing.rows, columns))
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
