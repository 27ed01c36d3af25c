import { Value } from 'typebox/value'
import { parseDocument, stringify } from 'yaml'
import { SeccompProfile } from '../api/seccomp-profile.js'
import { SeccompRule } from '../api/seccomp-rule.js'
import { SeccoError } from '../errors.js'
import type { DocumentCodec } from './directory-document.js'
import type { AnyObject } from './store.js'

function refuse(where: string, field: string, message: string): SeccoError {
  return new SeccoError('INVALID_DOCUMENT', `${where}: ${field} ${message}`, { field })
}

function validate(document: unknown, where: string): AnyObject {
  if (typeof document !== 'object' || document === null) {
    throw refuse(where, 'document', 'must be a mapping')
  }
  const kind = (document as Record<string, unknown>)['kind']
  const schema = kind === 'SeccompProfile' ? SeccompProfile : SeccompRule
  if (kind !== 'SeccompProfile' && kind !== 'SeccompRule') {
    throw refuse(where, 'kind', 'must be SeccompProfile or SeccompRule')
  }
  if (Value.Check(schema, document)) return document
  const [first] = Value.Errors(schema, document)
  throw refuse(where, first?.instancePath ?? '', first?.message ?? 'is not accepted')
}

/** YAML documents checked against the schemas of src/api. */
export const yamlCodec: DocumentCodec = {
  parse(text, where) {
    const document = parseDocument(text)
    const [error] = document.errors
    if (error !== undefined) throw refuse(where, 'document', `is not YAML: ${error.message}`)
    return validate(document.toJS(), where)
  },
  validate,
  serialize: (object) => stringify(object)
}
