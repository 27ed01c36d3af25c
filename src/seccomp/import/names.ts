import { namePattern } from '../../api/names.js'
import { SeccoError } from '../../lib/errors.js'
import { shown } from './fields.js'

const nameForm = new RegExp(namePattern)

/**
 * A name for a profile from words of a source (a path, a container): small letters, digits, `-` and
 * `.`; a path's folders become dots. INVALID_NAME when nothing is left of it.
 */
export function profileName(words: string): string {
  const name = words
    .replace(/\.(?:json|ya?ml|log|txt|strace|out)$/i, '')
    .toLowerCase()
    .replace(/\/+/g, '.')
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .slice(0, 200)
    .replace(/[^a-z0-9]+$/, '')
  if (nameForm.test(name)) return name
  throw new SeccoError('INVALID_NAME', `${shown(words)} gives no name for a profile`, {
    field: 'metadata.name',
    hint: 'choose one with --name'
  })
}
