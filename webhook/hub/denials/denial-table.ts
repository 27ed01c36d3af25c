/** Place is the container that a row is about. */
interface Place {
  node: string
  container: string
}

/** ContainerRun is one run of a container. */
export interface ContainerRun {
  node: string
  /** Id of the container. */
  id: string
  /** RFC 3339, by the node's clock. */
  startedAt: string
}

interface TableRow extends Place {
  key: string
  namespace: string
}

/** Returns the key of the container that a row is about. */
export const placeOf = ({ node, container }: Place): string => `${node} ${container}`

/** RowGroups holds rows in groups, by key. A group without rows is dropped. */
class RowGroups<Row extends TableRow> {
  readonly #groups = new Map<string, Map<string, Row>>()

  put(name: string, row: Row): void {
    const own = this.#groups.get(name) ?? new Map<string, Row>()
    this.#groups.set(name, own.set(row.key, row))
  }

  drop(name: string, row: Row): void {
    const own = this.#groups.get(name)
    own?.delete(row.key)
    if (own?.size === 0) this.#groups.delete(name)
  }

  get(name: string): ReadonlyMap<string, Row> | undefined {
    return this.#groups.get(name)
  }

  largest(): ReadonlyMap<string, Row> | undefined {
    let found: ReadonlyMap<string, Row> | undefined
    for (const one of this.#groups.values()) {
      if (found === undefined || one.size > found.size) found = one
    }
    return found
  }
}

/** DenialTable keeps rows by key, by container and by namespace, each in the order of their latest change. */
export class DenialTable<Row extends TableRow> {
  readonly #rows = new Map<string, Row>()
  readonly #containers = new RowGroups<Row>()
  readonly #namespaces = new RowGroups<Row>()

  /** @param rows the least recently changed first */
  constructor(rows: readonly Row[]) {
    for (const row of rows) this.put(row)
  }

  get size(): number {
    return this.#rows.size
  }

  get(key: string): Row | undefined {
    return this.#rows.get(key)
  }

  /** Returns all rows, the least recently changed first. */
  list(): Row[] {
    return [...this.#rows.values()]
  }

  /** Returns the least recently changed row of the namespace that has most: it takes no room of others. */
  oldestOfMost(): Row | undefined {
    return this.#namespaces.largest()?.values().next().value
  }

  /** Returns how many rows one container has. */
  sizeOf(place: Place): number {
    return this.#containers.get(placeOf(place))?.size ?? 0
  }

  /** Returns the rows of one container, without reading any other. */
  ofContainer(place: Place): Row[] {
    return [...(this.#containers.get(placeOf(place))?.values() ?? [])]
  }

  /** Makes the row the newest, in place of the one with its key. */
  put(row: Row): void {
    const before = this.#rows.get(row.key)
    if (before !== undefined) this.drop(before)
    this.replace(row)
  }

  /** Replaces the row with its key, which keeps its place in the order. */
  replace(row: Row): void {
    this.#rows.set(row.key, row)
    this.#containers.put(placeOf(row), row)
    this.#namespaces.put(row.namespace, row)
  }

  drop(row: Row): void {
    this.#rows.delete(row.key)
    this.#containers.drop(placeOf(row), row)
    this.#namespaces.drop(row.namespace, row)
  }
}
