import type { TLocalizedValidationError } from 'typebox/error'
import { Errors } from 'typebox/value'
import { SeccoError } from '../lib/errors.js'
import { isSeccompProfile, isSeccompRule } from './gen/checks.js'
import { largerArgument, limits } from './limits.js'
import { knownPart } from './known-part.js'
import type { AnyObject, Kind } from './objects.js'
import { describeMisleading, misleadingRules } from './misleading-rules.js'
import { namePattern, namespacePattern, rootNamespace } from './names.js'
import { SeccompProfile } from './seccomp-profile.js'
import { namedProfileText, SeccompRule } from './seccomp-rule.js'

/** Returns the schema of a kind. A table of them would load both, and their package, for every command. */
const schemaOf = (kind: Kind) => (kind === 'SeccompProfile' ? SeccompProfile : SeccompRule)
const isOfKind = { SeccompProfile: isSeccompProfile, SeccompRule: isSeccompRule }

/** Returns what is wrong with a document, and its schema; undefined for a document that is right. */
function errorsOf(kind: Kind, document: unknown) {
  if (isOfKind[kind](document)) return undefined
  const schema = schemaOf(kind)
  return { schema, errors: Errors(schema, document) }
}

const maxDepth = 32

/** `/spec/syscalls/0/action` → `spec.syscalls[0].action`. */
function fieldOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => {
      if (/^\d+$/.test(part)) return `${path}[${part}]`
      return path === '' ? part : `${path}.${part}`
    }, '')
}

function at(schema: unknown, schemaPath: string): unknown {
  return schemaPath
    .split('/')
    .slice(1)
    .reduce<unknown>(
      (current, part) =>
        typeof current === 'object' && current !== null
          ? (current as Record<string, unknown>)[part]
          : undefined,
      schema
    )
}

function acceptedKeys(schema: unknown, schemaPath: string): string {
  const found = at(schema, schemaPath)
  const properties =
    typeof found === 'object' && found !== null && 'properties' in found ? found.properties : {}
  return Object.keys(properties ?? {}).join(', ')
}

/** Describes one error as its field and what is accepted there. */
function explain(error: TLocalizedValidationError, schema: unknown) {
  const field = fieldOf(error.instancePath)
  switch (error.keyword) {
    case 'enum':
      return {
        field,
        message: `must be one of ${error.params.allowedValues.map(String).join(', ')}`
      }
    case 'const':
      return { field, message: `must be ${String(error.params.allowedValue)}` }
    case 'additionalProperties': {
      const key = error.params.additionalProperties[0] ?? ''
      return {
        field: field === '' ? key : `${field}.${key}`,
        message: `is not a known key; accepted: ${acceptedKeys(schema, error.schemaPath)}`
      }
    }
    case 'required': {
      const key = error.params.requiredProperties[0] ?? ''
      return { field: field === '' ? key : `${field}.${key}`, message: 'is required' }
    }
    default:
      return { field, message: error.message }
  }
}

function invalidDocument(
  where: string,
  field: string,
  message: string,
  code?: 'INVALID_NAME'
): SeccoError {
  const subject = field === '' ? 'the document' : field
  return new SeccoError(code ?? 'INVALID_DOCUMENT', `${where}: ${subject}: ${message}`, { field })
}

/** Returns the place that a list of keys leads to: `spec.syscalls[0].action`. */
function placeOf(keys: readonly (string | number)[]): string {
  return keys.reduce<string>((place, key) => {
    if (typeof key === 'number') return `${place}[${key}]`
    return place === '' ? key : `${place}.${key}`
  }, '')
}

/** Returns what is wrong with a number that JavaScript cannot hold exactly. */
function tooLarge(keys: readonly (string | number)[]): string {
  const isOfArgument = /\.args\[\d+\]\.value(Two)?$/.test(placeOf(keys))
  return isOfArgument ? largerArgument : `must be at most ${limits.argument}`
}

/**
 * Rejects own `__proto__` keys, too deep nesting and numbers that JavaScript cannot hold exactly.
 * @param keys where the value is; made to a text for an error alone, for a hub checks thousands of objects at its start
 */
function checkShape(value: unknown, where: string, keys: (string | number)[] = []): void {
  if (keys.length > maxDepth)
    throw invalidDocument(where, placeOf(keys), `is nested deeper than ${maxDepth} levels`)
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    throw invalidDocument(where, placeOf(keys), tooLarge(keys))
  if (typeof value !== 'object' || value === null) return
  const members = Array.isArray(value) ? value.entries() : Object.entries(value)
  for (const [key, member] of members) {
    keys.push(key)
    if (key === '__proto__') throw invalidDocument(where, placeOf(keys), 'is not a known key')
    checkShape(member, where, keys)
    keys.pop()
  }
}

/** Checks a name. Names become path segments: they match the pattern exactly and never contain `..`. */
function checkName(where: string, field: string, name: unknown, pattern = namePattern): void {
  if (typeof name !== 'string') return
  if (new RegExp(pattern).test(name) && !name.includes('..')) return
  const shown = JSON.stringify(name.slice(0, 80))
  throw invalidDocument(
    where,
    field,
    `${shown} is not a valid name; it must match ${pattern}`,
    'INVALID_NAME'
  )
}

function checkNames(document: object, where: string): void {
  const metadata = at(document, '#/metadata')
  checkName(where, 'metadata.name', at(metadata, '#/name'))
  checkName(where, 'metadata.namespace', at(metadata, '#/namespace'), namespacePattern)
  checkName(where, 'spec.profile.name', at(document, '#/spec/profile/name'))
  const namespace = at(document, '#/spec/profile/namespace')
  checkName(where, 'spec.profile.namespace', namespace, namespacePattern)
  const parents = at(document, '#/spec/extends')
  if (!Array.isArray(parents)) return
  for (const [index, parent] of parents.entries()) {
    if (typeof parent !== 'string') continue
    const field = `spec.extends[${index}]`
    const [first = '', ...rest] = parent.split('/')
    if (rest.length > 0) checkName(where, field, first, namespacePattern)
    checkName(where, field, rest.length > 0 ? rest.join('/') : first)
  }
}

/** Checks that the emergency overlay (src/seccomp/render/emergency.ts) only denies and never allows. */
function checkEmergency({ metadata, spec }: SeccompProfile, where: string): void {
  if (metadata.namespace !== rootNamespace || metadata.name !== 'emergency') return
  const message = `must deny: ${rootNamespace}/emergency removes syscalls from every profile and allows none`
  const lets = (action: string) => action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG'
  if (spec.seccomp !== undefined && lets(spec.seccomp.defaultAction)) {
    throw invalidDocument(where, 'spec.seccomp.defaultAction', message)
  }
  for (const [index, rule] of (spec.seccomp?.syscalls ?? []).entries()) {
    if (lets(rule.action))
      throw invalidDocument(where, `spec.seccomp.syscalls[${index}].action`, message)
  }
}

function checkProfile(profile: SeccompProfile, where: string): void {
  checkEmergency(profile, where)
  const { seccomp } = profile.spec
  const [misleading] = seccomp === undefined ? [] : misleadingRules(seccomp)
  if (misleading === undefined) return
  throw invalidDocument(where, `spec.seccomp.${misleading.field}`, describeMisleading(misleading))
}

function checkRule(rule: SeccompRule, where: string): void {
  const { spec, metadata } = rule
  if (spec.mode !== 'learn' && spec.profile === undefined) {
    const field = 'spec.profile'
    throw new SeccoError(
      'INVALID_DOCUMENT',
      `${where}: ${field}: is required with mode ${spec.mode}`,
      {
        ...{ field, hint: `name a profile: ${namedProfileText}` }
      }
    )
  }
  if (spec.namespaceSelector !== undefined && metadata.namespace !== rootNamespace) {
    throw invalidDocument(
      where,
      'spec.namespaceSelector',
      `is accepted in namespace ${rootNamespace} only`
    )
  }
  for (const selector of ['podSelector', 'namespaceSelector'] as const) {
    for (const [index, need] of (spec[selector]?.matchExpressions ?? []).entries()) {
      const listed = (need.values ?? []).length > 0
      const wanted = need.operator === 'In' || need.operator === 'NotIn'
      if (listed === wanted) continue
      throw invalidDocument(
        where,
        `spec.${selector}.matchExpressions[${index}].values`,
        `${wanted ? 'is required' : 'must be empty'} with operator ${need.operator}`
      )
    }
  }
}

/** Rejects what is no object of a kind of ours, or has a name that is none. */
function checkHead(document: unknown, where: string): asserts document is { kind: Kind } {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw invalidDocument(where, '', 'must be a mapping with apiVersion, kind, metadata and spec')
  }
  checkShape(document, where)
  const kind: unknown = at(document, '#/kind')
  if (kind !== 'SeccompProfile' && kind !== 'SeccompRule') {
    throw invalidDocument(where, 'kind', 'must be one of SeccompProfile, SeccompRule')
  }
  checkNames(document, where)
}

/**
 * Checks a document against the schemas of its kind, strictly: an unknown key is an error. `where`
 * (a file, a request) begins the message. Throws SeccoError INVALID_DOCUMENT or INVALID_NAME whose
 * message and `field` name the path of the first problem and what is accepted there.
 */
export function validateObject(document: unknown, where: string): AnyObject {
  checkHead(document, where)
  const { kind } = document
  const wrong = errorsOf(kind, document)
  if (wrong !== undefined) {
    // "schema is false" repeats an unknown key without naming the known ones.
    const first = wrong.errors.find((error) => error.keyword !== 'boolean') ?? wrong.errors[0]
    if (first === undefined) throw invalidDocument(where, '', `is no ${kind}`)
    const { field, message } = explain(first, wrong.schema)
    throw invalidDocument(where, field, message)
  }
  const object = document as AnyObject
  if (object.kind === 'SeccompProfile') checkProfile(object, where)
  else checkRule(object, where)
  return object
}

/**
 * Checks a document that is read: as `validateObject`, but what its status has that this release does not know is dropped.
 * Only Secco writes a status, and a later release may have written it.
 */
export function validateStored(document: unknown, where: string): AnyObject {
  checkHead(document, where)
  const { kind } = document
  // Nothing is copied where that is not needed: a hub reads thousands of objects at its start.
  if (!('status' in document) || isOfKind[kind](document)) return validateObject(document, where)
  const status = knownPart(schemaOf(kind).properties.status, document.status)
  return validateObject({ ...document, status }, where)
}
