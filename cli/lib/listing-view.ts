import { type Output, parseOutput } from './output-format.js'

/** How a list is shown, beside its format. */
export interface ListingView {
  /** A table has a line of titles. */
  headers: boolean
  /** Returns what the objects are ordered by. */
  keyOf?: (object: unknown) => unknown
  /** Formats the objects in a form that the user wrote: jsonpath or custom-columns. */
  format?: (objects: unknown[]) => string
}

export interface ListingOptions {
  output: string
  headers: boolean
  sortBy?: string
}

/**
 * Reads `-o`, `--no-headers` and `--sort-by` of a list.
 * @param isOne a path of -o jsonpath is of the object itself, as in kubectl: one name was given
 * @throws SeccoError INVALID_ARGUMENT
 */
export async function listingView(
  { output, headers, sortBy }: ListingOptions,
  isOne: boolean
): Promise<{ output: Output; view: ListingView }> {
  const [, kind, text = ''] = /^(jsonpath|custom-columns)=(.*)$/s.exec(output) ?? []
  if (kind === undefined && sortBy === undefined) {
    return { output: parseOutput(output) as Output, view: { headers } }
  }
  // Loaded on use: most lists have no path.
  const paths = await import('./json-path.js')
  const view: ListingView = { headers }
  if (sortBy !== undefined) view.keyOf = paths.parseSortKey(sortBy)
  if (kind === undefined) return { output: parseOutput(output) as Output, view }
  if (kind === 'custom-columns') view.format = paths.parseColumns(text, headers)
  else {
    const template = paths.parseTemplate(text)
    // Of a name without a namespace there may be several.
    view.format = (objects) =>
      template(isOne && objects.length < 2 ? objects[0] : { kind: 'List', items: objects })
  }
  return { output: 'table', view }
}

const rank = (value: unknown): number =>
  value === undefined || value === null ? 0 : typeof value === 'number' ? 1 : 2

/** Orders rows by a key: those without one come first, numbers before texts. */
export function sortedBy<Row>(rows: readonly Row[], keyOf: (row: Row) => unknown): readonly Row[] {
  return rows
    .map((row) => ({ row, key: keyOf(row) }))
    .sort((a, b) => {
      const [first, second] = [rank(a.key), rank(b.key)]
      if (first !== second) return first - second
      if (first === 1) return Number(a.key) - Number(b.key)
      const [left, right] = [JSON.stringify(a.key), JSON.stringify(b.key)]
      return left < right ? -1 : left > right ? 1 : 0
    })
    .map(({ row }) => row)
}
