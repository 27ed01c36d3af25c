import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { namePattern, namespacePattern } from '../api/names.js'
import { SeccoError } from '../lib/errors.js'
import type { Kind } from '../api/objects.js'
import type { ObjectRef } from './store.js'

/** Folder names: the plurals that the CRDs use. */
export const pluralOf = {
  SeccompProfile: 'seccompprofiles',
  SeccompRule: 'seccomprules'
} as const satisfies Record<Kind, string>

export const kinds = Object.keys(pluralOf) as Kind[]
export const extension = '.yaml'

/** NAME_MAX (255 bytes) less the extension. */
const longestName = 250
const nameForm = new RegExp(namePattern)
const namespaceForm = new RegExp(namespacePattern)

export function isNamespace(text: string): boolean {
  return namespaceForm.test(text)
}

/** True for what may become a file name here: an RFC 1123 subdomain without '..'. */
export function isObjectName(text: string): boolean {
  return nameForm.test(text) && !text.includes('..') && text.length <= longestName
}

/** INVALID_NAME unless both parts are safe path segments. */
export function checkRef(ref: ObjectRef): void {
  if (!isNamespace(ref.namespace)) {
    throw new SeccoError(
      'INVALID_NAME',
      `namespace ${JSON.stringify(ref.namespace)} is not a valid name`,
      {
        field: 'metadata.namespace'
      }
    )
  }
  if (!isObjectName(ref.name)) {
    throw new SeccoError('INVALID_NAME', `name ${JSON.stringify(ref.name)} is not a valid name`, {
      field: 'metadata.name'
    })
  }
}

export function kindFolder(root: string, kind: Kind, namespace: string): string {
  return join(root, namespace, pluralOf[kind])
}

/** `<root>/<namespace>/<plural>/<name>.yaml`. */
export function objectPath(root: string, kind: Kind, ref: ObjectRef): string {
  return join(kindFolder(root, kind, ref.namespace), ref.name + extension)
}

/** The lock beside an object; hashed because name + suffix may be longer than a file name can be. */
export function lockPath(root: string, kind: Kind, ref: ObjectRef): string {
  const hash = createHash('sha256').update(ref.name).digest('hex').slice(0, 24)
  return join(kindFolder(root, kind, ref.namespace), `.lock-${hash}`)
}

export function isLockName(name: string): boolean {
  return name.startsWith('.lock-')
}
