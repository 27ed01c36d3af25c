import { Value } from 'typebox/value'
import {
  type Document,
  isScalar,
  Lexer,
  parseDocument,
  stringify,
  visit,
  type YAMLError
} from 'yaml'
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

/** Symbols (words, marks, white space) of a document at most; the largest real profiles have a fifth of it. */
const mostSymbols = 100_000

/** Reading YAML takes some microseconds per symbol, and everything else waits meanwhile. */
function checkSize(text: string, where: string): void {
  const symbols = new Lexer().lex(text)
  for (let count = 0; symbols.next().done !== true; count += 1) {
    if (count < mostSymbols) continue
    const message = `${where}: document has more than ${mostSymbols} YAML symbols`
    throw new SeccoError('TOO_LARGE', message)
  }
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length

/** One printable line, whatever the document holds. */
function describe(text: string, { message, pos }: YAMLError): string {
  const [first = ''] = message.split('\n', 1)
  const said = first.replace(/[^ -~]+/g, '?').slice(0, 200)
  return `is not YAML: line ${lineAt(text, pos[0])}: ${said}`
}

/** The parser's own check compares every key with every other. */
function checkKeys(document: Document, text: string, where: string): void {
  visit(document, {
    Map(_key, map) {
      const seen = new Set<unknown>()
      for (const { key } of map.items) {
        if (!isScalar(key)) continue
        if (seen.has(key.value)) {
          const line = lineAt(text, key.range?.[0] ?? 0)
          const name = JSON.stringify(String(key.value).slice(0, 64))
          throw refuse(where, 'document', `is not YAML: line ${line}: ${name} is there twice`)
        }
        seen.add(key.value)
      }
    }
  })
}

/** YAML documents checked against the schemas of src/api. TOO_LARGE for what takes too long to read. */
export const yamlCodec: DocumentCodec = {
  parse(text, where) {
    checkSize(text, where)
    const document = parseDocument(text, { prettyErrors: false, uniqueKeys: false })
    const [error] = document.errors
    if (error !== undefined) throw refuse(where, 'document', describe(text, error))
    checkKeys(document, text, where)
    return validate(document.toJS(), where)
  },
  validate,
  serialize(object) {
    const text = stringify(object)
    checkSize(text, `${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`)
    return text
  }
}
