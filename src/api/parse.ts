import { type Document, LineCounter, parseAllDocuments, stringify } from 'yaml'
import type { SeccompProfile } from './seccomp-profile.js'
import { validateObject } from './validate.js'
import { SeccoError } from '../lib/errors.js'
import type { AnyObject } from './objects.js'
import { limits } from './limits.js'
import { checkNesting } from './read-value.js'

/** Longest text that is read, in bytes of UTF-8. */
export const maxDocumentBytes = limits.documentBytes

function invalid(where: string, message: string, cause?: unknown): SeccoError {
  return new SeccoError('INVALID_DOCUMENT', `${where}: ${message}`, { field: '', cause })
}

function readAll(text: string, where: string): unknown[] {
  const size = Buffer.byteLength(text)
  if (size > maxDocumentBytes) {
    throw new SeccoError(
      'TOO_LARGE',
      `${where}: has ${size} bytes; at most ${maxDocumentBytes} are accepted`
    )
  }
  checkNesting(text, where)
  const lineCounter = new LineCounter()
  try {
    const documents = parseAllDocuments(text, { lineCounter, uniqueKeys: true, strict: true })
    return [...documents].flatMap((document: Document) => {
      const [problem] = [...document.errors, ...document.warnings]
      if (problem !== undefined)
        throw invalid(where, `is not YAML: ${firstLine(problem.message)}`, problem)
      // Alias bombs ("billion laughs") end here: each alias may expand to 100 nodes in total.
      const value: unknown = document.toJS({ maxAliasCount: 100 })
      return value === null ? [] : [value]
    })
  } catch (error) {
    if (error instanceof SeccoError) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw invalid(where, `uses YAML that is not accepted: ${firstLine(message)}`, error)
  }
}

/** Returns the first line of a message. The other lines quote the document, whose bytes belong on no terminal or log. */
function firstLine(message: string): string {
  const [line = ''] = message.split('\n')
  return line
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/:$/, '')
    .slice(0, 200)
}

/**
 * Every object of a YAML (or JSON) stream; empty documents are skipped. `where` begins each message,
 * with the document's position when there are several. Throws SeccoError INVALID_DOCUMENT,
 * INVALID_NAME or TOO_LARGE.
 */
export function parseDocuments(text: string, where: string): AnyObject[] {
  const documents = readAll(text, where)
  return documents.map((document, index) =>
    validateObject(document, documents.length > 1 ? `${where} (document ${index + 1})` : where)
  )
}

/** Exactly one object; else INVALID_DOCUMENT. */
export function parseDocument(text: string, where: string): AnyObject {
  const [first, ...others] = readAll(text, where)
  if (first === undefined) throw invalid(where, 'is empty; one document is expected')
  if (others.length > 0) {
    throw invalid(where, `has ${others.length + 1} documents; one is expected`)
  }
  return validateObject(first, where)
}

/** Exactly one SeccompProfile; else INVALID_DOCUMENT with field `kind`. */
export function parseProfileDocument(text: string, where: string): SeccompProfile {
  const object = parseDocument(text, where)
  if (object.kind === 'SeccompProfile') return object
  throw new SeccoError('INVALID_DOCUMENT', `${where}: kind: must be SeccompProfile`, {
    field: 'kind'
  })
}

const firstKeys = ['apiVersion', 'kind', 'metadata', 'namespace', 'name', 'spec', 'status']

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null) return value
  const rank = (key: string) => {
    const position = firstKeys.indexOf(key)
    return position < 0 ? firstKeys.length : position
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
      .map(([key, member]) => [key, inOrder(member)])
  )
}

/**
 * YAML with a stable order of keys, so that a diff in git shows only what changed. Strings that YAML
 * 1.1 readers (kubectl) would take for something else (`on`, `1_000`) are quoted.
 */
export function serializeDocument(object: AnyObject): string {
  return stringify(inOrder(object), {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    compat: 'yaml-1.1'
  })
}
