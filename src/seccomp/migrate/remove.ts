import { isMap, type Pair, type YAMLMap } from 'yaml'
import { type Edit, indentAt, lineStart, nextLine } from './edits.js'
import { endOf, startOf } from './nodes.js'

const blockEnd = (text: string, end: number) => (text[end - 1] === '\n' ? end : nextLine(text, end))

/** The whole lines of an entry of a block mapping; undefined when it shares a line with another thing. */
function entryLines(text: string, pair: Pair, end: number): Edit | undefined {
  const start = startOf(pair)
  if (start === undefined || indentAt(text, start) === undefined) return undefined
  return { start: lineStart(text, start), end: blockEnd(text, end), text: '' }
}

/** Entries of a flow mapping with their commas; what follows the last kept entry goes as one. */
function flowEdits(text: string, map: YAMLMap, gone: ReadonlySet<Pair>): Edit[] | undefined {
  const edits: Edit[] = []
  const lastKept = map.items.findLastIndex((pair) => !gone.has(pair))
  for (const [index, pair] of map.items.entries()) {
    if (!gone.has(pair)) continue
    const last = index > lastKept
    const from = last ? map.items[lastKept] : pair
    const start = from === undefined ? undefined : last ? endOf(from) : startOf(from)
    const next = map.items[index + 1]
    const end = last
      ? endOf(map.items.at(-1) ?? pair)
      : next === undefined
        ? undefined
        : startOf(next)
    if (start === undefined || end === undefined) return undefined
    edits.push({ start, end, text: '' })
    if (last) break
  }
  // A comment between the entries would go with them.
  return edits.some(({ start, end }) => / #|\n\s*#/.test(text.slice(start, end)))
    ? undefined
    : edits
}

/** The head of a mapping that goes, and the lines of each of its entries: comments between them stay. */
function wholeBlock(text: string, owner: Pair): Edit[] | undefined {
  const { value } = owner
  const start = startOf(owner)
  const end = endOf(owner)
  if (start === undefined || end === undefined) return undefined
  if (!isMap(value) || value.flow === true) {
    const lines = entryLines(text, owner, end)
    return lines === undefined ? undefined : [lines]
  }
  if (indentAt(text, start) === undefined) return undefined
  const head = { start: lineStart(text, start), end: nextLine(text, start), text: '' }
  const edits = [head]
  for (const pair of value.items) {
    const inner = isMap(pair.value) ? wholeBlock(text, pair) : undefined
    const pairEnd = endOf(pair)
    const lines = pairEnd === undefined ? undefined : entryLines(text, pair, pairEnd)
    const all = inner ?? (lines === undefined ? undefined : [lines])
    if (all === undefined) return undefined
    edits.push(...all)
  }
  return edits
}

/**
 * Edits that take entries out of a mapping; undefined where it cannot be done by whole entries.
 * @param map at least one entry of it stays
 */
export function removeEntries(
  text: string,
  map: YAMLMap,
  gone: ReadonlySet<Pair>
): Edit[] | undefined {
  if (map.flow === true) return flowEdits(text, map, gone)
  const edits: Edit[] = []
  for (const pair of gone) {
    const one = wholeBlock(text, pair)
    if (one === undefined) return undefined
    edits.push(...one)
  }
  return edits
}
