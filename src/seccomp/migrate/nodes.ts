import { type Document, isMap, isNode, isScalar, isSeq, type Pair, type YAMLMap } from 'yaml'
import type { Path } from './plan.js'

/** Where an entry begins in the source. */
export function startOf(pair: Pair): number | undefined {
  return isNode(pair.key) ? pair.key.range?.[0] : undefined
}

/** Where an entry's value ends, without blanks and comments after it. */
export function endOf(pair: Pair): number | undefined {
  const key = isNode(pair.key) ? pair.key.range?.[1] : undefined
  const value = isNode(pair.value) ? pair.value.range?.[1] : undefined
  return value === undefined ? key : Math.max(value, key ?? 0)
}

export function entryOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key)
}

/** The mapping at a path; undefined where there is none, or only through an alias. */
export function mapAt(document: Document, path: Path): YAMLMap | undefined {
  let node: unknown = document.contents
  for (const part of path) {
    if (typeof part === 'number') node = isSeq(node) ? node.items[part] : undefined
    else node = isMap(node) ? entryOf(node, part)?.value : undefined
  }
  return isMap(node) ? node : undefined
}
