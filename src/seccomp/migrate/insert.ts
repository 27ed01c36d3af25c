import { type Document, isMap, isScalar, type Pair, stringify, type YAMLMap } from 'yaml'
import { type Edit, indentAt, lineEnd, lineStart } from './edits.js'
import type { SeccompField } from './legacy.js'
import { endOf, entryOf, mapAt, startOf } from './nodes.js'
import type { Path } from './plan.js'

const step = '  '

/** As the file writes its keys: JSON's quotes where they are used. */
const isQuoted = (pair: Pair) => isScalar(pair.key) && pair.key.type === 'QUOTE_DOUBLE'

const scalar = (value: string) => stringify(value, { lineWidth: 0 }).trimEnd()

function inFlow(
  name: 'securityContext' | 'seccompProfile',
  field: SeccompField,
  quoted: boolean
): string {
  const inner = Object.entries(field) as [string, string][]
  const key = (word: string) => (quoted ? JSON.stringify(word) : word)
  // A flow scalar must not hold what ends it: JSON's quotes are right in YAML, too.
  const value = (text: string) =>
    !quoted && /^[\w./-]+$/.test(text) && scalar(text) === text ? text : JSON.stringify(text)
  const body = `{${inner.map(([word, text]) => `${key(word)}: ${value(text)}`).join(', ')}}`
  const profile = `${key('seccompProfile')}: ${body}`
  return name === 'seccompProfile' ? profile : `${key('securityContext')}: {${profile}}`
}

function inBlock(
  name: 'securityContext' | 'seccompProfile',
  field: SeccompField,
  indent: string
): string[] {
  const lines = (at: string) => [
    `${at}seccompProfile:`,
    ...(Object.entries(field) as [string, string][]).map(
      ([word, text]) => `${at}${step}${word}: ${scalar(text)}`
    )
  ]
  return name === 'seccompProfile'
    ? lines(indent)
    : [`${indent}securityContext:`, ...lines(indent + step)]
}

/** Before the first entry of a mapping. */
function beforeFirst(
  text: string,
  map: YAMLMap,
  name: 'securityContext' | 'seccompProfile',
  field: SeccompField,
  eol: string
): Edit | undefined {
  const [first] = map.items
  const start = first === undefined ? undefined : startOf(first)
  if (first === undefined || start === undefined) return undefined
  const indent = indentAt(text, start)
  if (map.flow === true) {
    const gap = indent === undefined ? ' ' : `${eol}${indent}`
    return { start, end: start, text: `${inFlow(name, field, isQuoted(first))},${gap}` }
  }
  if (indent === undefined) return undefined
  // Above the comments that belong to the first entry.
  let at = lineStart(text, start)
  while (at > 0 && /^[ \t]*#/.test(text.slice(lineStart(text, at - 1), at))) {
    at = lineStart(text, at - 1)
  }
  return { start: at, end: at, text: `${inBlock(name, field, indent).join(eol)}${eol}` }
}

/** After a one-line entry of a block mapping, at the depth of its siblings. */
function after(text: string, pair: Pair, field: SeccompField, eol: string): Edit | undefined {
  const start = startOf(pair)
  const end = endOf(pair)
  if (start === undefined || end === undefined || !isScalar(pair.value)) return undefined
  if (text.slice(start, end).includes('\n')) return undefined
  const line = text.slice(lineStart(text, start), start)
  // `- image: x` puts its siblings below `image`.
  if (!/^[ -]*$/.test(line)) return undefined
  const at = lineEnd(text, end)
  const indent = ' '.repeat(line.length)
  return {
    start: at,
    end: at,
    text: `${eol}${inBlock('securityContext', field, indent).join(eol)}`
  }
}

/**
 * The edit that sets `…securityContext.seccompProfile`; undefined where the source has a form that is
 * not edited (aliases, explicit keys, a scalar over several lines).
 */
export function setField(
  text: string,
  document: Document,
  path: Path,
  field: SeccompField
): Edit | undefined {
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  const owner = mapAt(document, path.slice(0, -2))
  if (owner === undefined) return undefined
  const context = entryOf(owner, 'securityContext')
  if (context === undefined) {
    const anchor = entryOf(owner, 'image') ?? entryOf(owner, 'name')
    const isContainer = typeof path.at(-3) === 'number'
    const placed =
      isContainer && owner.flow !== true && anchor !== undefined
        ? after(text, anchor, field, eol)
        : undefined
    return placed ?? beforeFirst(text, owner, 'securityContext', field, eol)
  }
  const { value } = context
  if (isMap(value)) {
    if (entryOf(value, 'seccompProfile') !== undefined) return undefined
    if (value.items.length > 0) return beforeFirst(text, value, 'seccompProfile', field, eol)
    const [start, end] = value.range ?? []
    if (start === undefined || end === undefined) return undefined
    return { start, end, text: `{${inFlow('seccompProfile', field, isQuoted(context))}}` }
  }
  return undefined
}
