import { createHash } from 'node:crypto'
import { join, relative, sep } from 'node:path'
import { namePattern, namespacePattern } from '../api/names.js'
import { asideSuffix } from '../lib/durable-file.js'
import { SeccoError } from '../lib/errors.js'
import type { Kind } from '../api/objects.js'
import type { ObjectRef } from './store.js'

/** Folder names: the plurals that the CRDs use. */
export const pluralOf = {
  SeccompProfile: 'seccompprofiles',
  SeccompRule: 'seccomprules'
} as const satisfies Record<Kind, string>

export const kinds = Object.keys(pluralOf) as Kind[]
/** The part of an object that people write. */
export const extension = '.yaml'
/**
 * The part that Secco writes. It is JSON, but not by name: `kubectl apply -f FOLDER` reads .json, .yaml and .yml
 * (FileExtensions in k8s.io/cli-runtime/pkg/resource). As long as the other extension, for the longest name.
 */
export const statusExtension = '.stat'
/** The end of the name of a status that could not be read, and that another one has replaced. */
export const lostExtension = statusExtension + asideSuffix

/** NAME_MAX (255 bytes) less the extension. */
const longestName = 250
const longestLostName = 255 - lostExtension.length
const nameForm = new RegExp(namePattern)
const namespaceForm = new RegExp(namespacePattern)

export function isNamespace(text: string): boolean {
  return namespaceForm.test(text)
}

/** True for what may become a file name here: an RFC 1123 subdomain without '..'. */
export function isObjectName(text: string): boolean {
  return nameForm.test(text) && !text.includes('..') && text.length <= longestName
}

/** Checks that a namespace is a safe path segment. @throws SeccoError INVALID_NAME */
export function checkNamespace(namespace: string): void {
  if (isNamespace(namespace)) return
  const problem = `namespace ${JSON.stringify(namespace)} is not a valid name`
  throw new SeccoError('INVALID_NAME', problem, { field: 'metadata.namespace' })
}

/** Checks that both parts are safe path segments. @throws SeccoError INVALID_NAME */
export function checkRef(ref: ObjectRef): void {
  checkNamespace(ref.namespace)
  const { name } = ref
  if (isObjectName(name)) return
  const field = 'metadata.name'
  if (name.length <= longestName) {
    throw new SeccoError('INVALID_NAME', `name ${JSON.stringify(name)} is not a valid name`, {
      field
    })
  }
  const message =
    `name ${JSON.stringify(`${name.slice(0, 40)}…`)} has ${name.length} characters, and a state folder takes ` +
    `at most ${longestName}: the name with ${extension} is that of a file, which has at most 255`
  throw new SeccoError('INVALID_NAME', message, {
    field,
    hint: `choose a name of at most ${longestName} characters`
  })
}

export function kindFolder(root: string, kind: Kind, namespace: string): string {
  return join(root, namespace, pluralOf[kind])
}

/** `<root>/<namespace>/<plural>/<name>.yaml`. */
export function objectPath(root: string, kind: Kind, ref: ObjectRef): string {
  return join(kindFolder(root, kind, ref.namespace), ref.name + extension)
}

/** `<root>/<namespace>/<plural>/<name>.stat`. */
export function statusPath(root: string, kind: Kind, ref: ObjectRef): string {
  return join(kindFolder(root, kind, ref.namespace), ref.name + statusExtension)
}

/** Where a status that cannot be read is kept. Only names of more than 239 characters can share a place. */
export function lostPath(root: string, kind: Kind, ref: ObjectRef, stamp = ''): string {
  const name = ref.name.slice(0, longestLostName - stamp.length)
  return join(kindFolder(root, kind, ref.namespace), name + stamp + lostExtension)
}

/** Returns the object whose file this is, by its place alone. */
export function refOfPath(root: string, path: string): { kind: Kind; ref: ObjectRef } | undefined {
  const [namespace = '', plural, file = '', ...deeper] = relative(root, path).split(sep)
  const kind = kinds.find((known) => pluralOf[known] === plural)
  const form = [extension, statusExtension].find((end) => file.endsWith(end))
  if (kind === undefined || form === undefined || deeper.length > 0) return undefined
  const name = file.slice(0, -form.length)
  return isNamespace(namespace) && isObjectName(name)
    ? { kind, ref: { namespace, name } }
    : undefined
}

/** The lock beside an object; hashed because name + suffix may be longer than a file name can be. */
export function lockPath(root: string, kind: Kind, ref: ObjectRef): string {
  const hash = createHash('sha256').update(ref.name).digest('hex').slice(0, 24)
  return join(kindFolder(root, kind, ref.namespace), `.lock-${hash}`)
}

export function isLockName(name: string): boolean {
  return name.startsWith('.lock-')
}
