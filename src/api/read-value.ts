import { type Document, isScalar, LineCounter, parseAllDocuments, visit } from 'yaml'
import { SeccoError } from '../lib/errors.js'
import { limits } from './limits.js'

/** Returns an INVALID_DOCUMENT error about a field, or about the whole document. */
export function invalidValue(
  where: string,
  message: string,
  field = '',
  cause?: unknown
): SeccoError {
  const subject = field === '' ? '' : `${field}: `
  return new SeccoError('INVALID_DOCUMENT', `${where}: ${subject}${message}`, { field, cause })
}

/** Returns the first line of a parser's message; the other lines quote the document, whose bytes belong on no terminal. */
export function firstLine(message: string): string {
  const [line = ''] = message.split('\n')
  return line
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/:$/, '')
    .slice(0, 200)
}

/** Block collections that begin on one line: `- - - a`. */
const nestedOnOneLine = new RegExp(`^ *(?:[-?:] +){${limits.depth + 1}}`, 'm')
/** An anchor's name may hold any character; a quote or bracket may come right before it. */
const anchorOrAlias = /(?:^|[\s,:[\]{}"'?>|-])[&*][^\s,[\]{}]/g

/**
 * Checks nesting, anchors and aliases before a recursive parser uses stack and time for them. Counting those in strings
 * too is harmless.
 */
export function checkNesting(text: string, where: string): void {
  if (nestedOnOneLine.test(text)) {
    throw invalidValue(where, `is nested deeper than ${limits.depth} levels`)
  }
  anchorOrAlias.lastIndex = 0
  for (let left: number = limits.anchors; anchorOrAlias.test(text); left--) {
    if (left > 0) continue
    throw invalidValue(where, `has more than ${limits.anchors} anchors and aliases`)
  }
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x5b || code === 0x7b) {
      if (++depth > limits.depth)
        throw invalidValue(where, `is nested deeper than ${limits.depth} levels`)
    } else if ((code === 0x5d || code === 0x7d) && depth > 0) depth--
  }
}

/** Rejects a text that is too long or nested too deeply for a parser. */
export function checkText(text: string, where: string): void {
  const size = Buffer.byteLength(text)
  if (size > limits.documentBytes) {
    throw new SeccoError(
      'TOO_LARGE',
      `${where}: has ${size} bytes; at most ${limits.documentBytes} are accepted`
    )
  }
  checkNesting(text, where)
}

/** Rejects own `__proto__` keys, too many levels and too many nodes. Iterative: a deep value needs no stack. */
export function checkValue(value: unknown, where: string): void {
  const queue: { value: unknown; field: string; depth: number }[] = [{ value, field: '', depth: 0 }]
  let nodes = 0
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { value: current, field, depth } = next
    if (++nodes > limits.nodes) throw invalidValue(where, `holds more than ${limits.nodes} values`)
    if (depth > limits.depth) {
      throw invalidValue(where, `is nested deeper than ${limits.depth} levels`, field.slice(0, 200))
    }
    if (typeof current !== 'object' || current === null) continue
    for (const [key, inner] of Object.entries(current)) {
      const shown = key.replace(/[^\x20-\x7e]/g, '?').slice(0, 64)
      const place = Array.isArray(current)
        ? `${field}[${key}]`
        : field === ''
          ? shown
          : `${field}.${shown}`
      if (key === '__proto__') throw invalidValue(where, 'is not a known key', place)
      queue.push({ value: inner, field: place, depth: depth + 1 })
    }
  }
}

function readJson(text: string, where: string): unknown[] {
  try {
    return [JSON.parse(text)]
  } catch (cause) {
    throw invalidValue(where, `is not JSON: ${firstLine((cause as Error).message)}`, '', cause)
  }
}

/** Problem is what is wrong with a document, and its offset in the text. */
interface Problem {
  message: string
  at: number | undefined
}

/** Returns the first key that a mapping has twice. The parser compares each key with all others, which takes quadratic time. */
function repeatedKey(document: Document): Problem | undefined {
  let problem: Problem | undefined
  visit(document, {
    Map(_, { items }) {
      const keys = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key)) continue
        if (!keys.has(key.value)) keys.add(key.value)
        else {
          problem = { message: 'Map keys must be unique', at: key.range?.[0] }
          return visit.BREAK
        }
      }
      return undefined
    }
  })
  return problem
}

function problemOf(document: Document.Parsed): Problem | undefined {
  const [problem] = [...document.errors, ...document.warnings]
  return problem === undefined
    ? repeatedKey(document)
    : { message: problem.message, at: problem.pos[0] }
}

/** Parses a text that may have as many errors as characters: for each, V8 would collect a stack and the parser quote the text. */
function parseYaml(text: string, lineCounter: LineCounter): Document.Parsed[] {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    const quick = { prettyErrors: false, uniqueKeys: false, logLevel: 'error' } as const
    return [...parseAllDocuments(text, { ...quick, lineCounter, strict: true })]
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** Returns every value of a YAML stream; empty documents are skipped. */
export function readYaml(text: string, where: string): unknown[] {
  try {
    const lineCounter = new LineCounter()
    const documents = parseYaml(text, lineCounter)
    if (documents.length > limits.documents) {
      throw invalidValue(where, `holds more than ${limits.documents} documents`)
    }
    return documents.flatMap((document) => {
      const problem = problemOf(document)
      if (problem !== undefined) {
        const { line, col } = lineCounter.linePos(problem.at ?? 0)
        const place =
          problem.at === undefined || problem.at < 0 ? '' : ` at line ${line}, column ${col}`
        throw invalidValue(where, `is not YAML: ${firstLine(problem.message)}${place}`, '', problem)
      }
      // Alias bombs ("billion laughs") end here: aliases may expand to so many nodes in total.
      const value: unknown = document.toJS({ maxAliasCount: limits.aliases })
      return value === null ? [] : [value]
    })
  } catch (error) {
    if (error instanceof SeccoError) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw invalidValue(where, `uses YAML that is not accepted: ${firstLine(message)}`, '', error)
  }
}

/**
 * Every value of a JSON text or a YAML stream, within the limits. `where` begins each message.
 * @param yamlBytes the longest YAML, for those who paste it
 * INVALID_DOCUMENT, TOO_LARGE.
 */
export function readValues(
  text: string,
  where: string,
  yamlBytes: number = limits.documentBytes
): unknown[] {
  const json = /^\s*[[{]/.test(text)
  const size = Buffer.byteLength(text)
  if (!json && size > yamlBytes) {
    throw new SeccoError(
      'TOO_LARGE',
      `${where}: has ${size} bytes; at most ${yamlBytes} are accepted`
    )
  }
  checkText(text, where)
  let values: unknown[]
  try {
    values = json ? readJson(text, where) : readYaml(text, where)
  } catch (error) {
    // A YAML stream may begin with a flow mapping, too: JSON's message is the better one if it is neither.
    if (!json || size > yamlBytes || !/^---|^\s*\{[^"]*?:/m.test(text)) throw error
    values = readYaml(text, where)
  }
  for (const value of values) checkValue(value, where)
  return values
}
