import { stringify } from 'yaml'
import type { SeccompProfile } from './seccomp-profile.js'
import { validateStored } from './validate.js'
import type { AnyObject } from './objects.js'
import { limits } from './limits.js'
import { checkText, invalidValue, readYaml } from './read-value.js'

/** Longest text that is read, in bytes of UTF-8. */
export const maxDocumentBytes = limits.documentBytes

/**
 * Checks a document that somebody wrote. Stored objects may name a profile twice: they are from before this check, and
 * renderings take no account of it.
 */
function validateDocument(document: unknown, where: string): AnyObject {
  const object = validateStored(document, where)
  const parents = object.kind === 'SeccompProfile' ? (object.spec.extends ?? []) : []
  const twice = parents.findIndex((one, at) => parents.indexOf(one) < at)
  if (twice < 0) return object
  const field = `spec.extends[${twice}]`
  throw invalidValue(where, `repeats ${parents[twice] ?? ''}; name each profile once`, field)
}

function readAll(text: string, where: string): unknown[] {
  checkText(text, where)
  return readYaml(text, where)
}

/**
 * Every object of a YAML (or JSON) stream; empty documents are skipped. `where` begins each message,
 * with the document's position when there are several. Throws SeccoError INVALID_DOCUMENT,
 * INVALID_NAME or TOO_LARGE.
 */
export function parseDocuments(text: string, where: string): AnyObject[] {
  const documents = readAll(text, where)
  return documents.map((document, index) =>
    validateDocument(document, documents.length > 1 ? `${where} (document ${index + 1})` : where)
  )
}

/** Returns the value of a text with exactly one document. */
function readOne(text: string, where: string): unknown {
  const [first, ...others] = readAll(text, where)
  if (first === undefined) throw invalidValue(where, 'is empty; one document is expected')
  if (others.length > 0) {
    throw invalidValue(where, `has ${others.length + 1} documents; one is expected`)
  }
  return first
}

/** Exactly one object; else INVALID_DOCUMENT. */
export const parseDocument = (text: string, where: string): AnyObject =>
  validateDocument(readOne(text, where), where)

/** Exactly one object of a store, which an earlier release may have accepted; else INVALID_DOCUMENT. */
export const parseStored = (text: string, where: string): AnyObject =>
  validateStored(readOne(text, where), where)

/** Exactly one SeccompProfile; else INVALID_DOCUMENT with field `kind`. */
export function parseProfileDocument(text: string, where: string): SeccompProfile {
  const object = parseDocument(text, where)
  if (object.kind === 'SeccompProfile') return object
  throw invalidValue(where, 'must be SeccompProfile', 'kind')
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
