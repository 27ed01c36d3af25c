import { isDeepStrictEqual } from 'node:util'
import { type Document, isMap, type Pair, parseAllDocuments, visit, type YAMLMap } from 'yaml'
import { SeccoError } from '../../lib/errors.js'
import { checkNesting, checkValue } from '../../api/read-value.js'
import { limits } from '../../api/limits.js'
import { applyEdits, type Edit } from './edits.js'
import { setField } from './insert.js'
import { entryOf, mapAt } from './nodes.js'
import {
  type ManifestChange,
  type MigrationFinding,
  type Path,
  planDocument,
  showPath,
  valueAt
} from './plan.js'
import { removeEntries } from './remove.js'

export type Migration =
  | {
      state: 'same' | 'changed'
      text: string
      findings: MigrationFinding[]
      changes: string[]
      edits: Edit[]
    }
  | { state: 'skipped'; reason: string }

/** Words of which a file must contain one before it is parsed. */
const relevant = /seccomp|security-profiles-operator/

const copy = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown

/** The document's value after the changes, made apart from the text: what the edited text must say. */
function expected(value: unknown, changes: readonly ManifestChange[]): unknown {
  const result = copy(value)
  for (const { path, ...change } of changes) {
    const owner = valueAt(result, path.slice(0, -1))
    const key = String(path.at(-1))
    if (change.what === 'remove') {
      Reflect.deleteProperty(owner as object, key)
      for (let up = path.slice(0, -1); up.length > 0; up = up.slice(0, -1)) {
        const inner = valueAt(result, up)
        if (typeof inner !== 'object' || inner === null || Object.keys(inner).length > 0) break
        Reflect.deleteProperty(valueAt(result, up.slice(0, -1)) as object, String(up.at(-1)))
      }
      continue
    }
    const holder = valueAt(result, path.slice(0, -2)) as Record<string, unknown>
    const context = (holder['securityContext'] ??= {}) as Record<string, unknown>
    context['seccompProfile'] = { ...change.value }
  }
  return result
}

/** The entries to take out, by mapping: an emptied mapping goes with its own entry. */
function removals(
  document: Document,
  changes: readonly ManifestChange[]
): Map<YAMLMap, Set<Pair>> | undefined {
  const gone = new Map<YAMLMap, Set<Pair>>()
  const drop = (path: Path): boolean => {
    const map = mapAt(document, path.slice(0, -1))
    const pair = map === undefined ? undefined : entryOf(map, String(path.at(-1)))
    if (map === undefined || pair === undefined) return false
    const set = gone.get(map) ?? new Set<Pair>()
    gone.set(map, set.add(pair))
    if (set.size < map.items.length) return true
    gone.delete(map)
    return drop(path.slice(0, -1))
  }
  for (const change of changes) {
    if (change.what === 'remove' && !drop(change.path)) return undefined
  }
  return gone
}

function editsOf(
  text: string,
  document: Document,
  changes: readonly ManifestChange[]
): Edit[] | undefined {
  const edits: Edit[] = []
  const gone = removals(document, changes)
  if (gone === undefined) return undefined
  for (const [map, pairs] of gone) {
    const some = removeEntries(text, map, pairs)
    if (some === undefined) return undefined
    edits.push(...some)
  }
  for (const change of changes) {
    if (change.what !== 'set') continue
    const edit = setField(text, document, change.path, change.value)
    if (edit === undefined) return undefined
    edits.push(edit)
  }
  return edits
}

function parse(text: string): Document[] {
  return [...parseAllDocuments(text, { uniqueKeys: true, strict: true })] as Document[]
}

const toJs = (document: Document): unknown => document.toJS({ maxAliasCount: limits.aliases })

/** Template actions outside comments and block scalars: what they leave in the file is not known here. */
function isTemplate(documents: readonly Document[]): boolean {
  let found = false
  for (const document of documents) {
    visit(document, {
      Scalar: (_key, node) => {
        const block = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED'
        if (!block && typeof node.value === 'string' && node.value.includes('{{')) found = true
        return found ? visit.BREAK : undefined
      },
      Pair: (_key, pair) => {
        if (isMap(pair.key)) found = true
        return found ? visit.BREAK : undefined
      }
    })
  }
  return found
}

function invalid(where: string, message: string, cause?: unknown): SeccoError {
  const [line = ''] = message.split('\n')
  const shown = line
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/:$/, '')
    .slice(0, 200)
  return new SeccoError('INVALID_DOCUMENT', `${where}: uses YAML that is not accepted: ${shown}`, {
    field: '',
    cause,
    hint: 'correct the file; nothing was changed'
  })
}

interface Read {
  documents: Document[]
  values: unknown[]
}

function readAll(text: string, where: string): Read | 'template' {
  try {
    const documents = parse(text)
    const [problem] = documents.flatMap((document) => document.errors)
    if (problem !== undefined) {
      if (text.includes('{{')) return 'template'
      throw invalid(where, problem.message, problem)
    }
    if (text.includes('{{') && isTemplate(documents)) return 'template'
    const values = documents.map(toJs)
    for (const value of values) checkValue(value, where)
    return { documents, values }
  } catch (error) {
    if (error instanceof SeccoError) throw error
    throw invalid(where, error instanceof Error ? error.message : String(error), error)
  }
}

function describeChange(change: ManifestChange): string {
  if (change.what === 'remove') return `${showPath(change.path)} removed`
  const { type, localhostProfile } = change.value
  return `${showPath(change.path)} set to ${type}${localhostProfile === undefined ? '' : ` ${localhostProfile}`}`
}

/**
 * One file of manifests: retired seccomp annotations of pods and workloads become fields. Only the
 * lines that have to change do; the result is parsed again and must say exactly what was planned, else
 * nothing is changed and it is a finding. Pure. INVALID_DOCUMENT, TOO_LARGE.
 */
export function migrateText(text: string, where: string): Migration {
  const same = { state: 'same', text, changes: [], edits: [] } as const
  if (!relevant.test(text)) return { ...same, changes: [], edits: [], findings: [] }
  if (text.length > limits.manifestBytes) {
    throw new SeccoError('TOO_LARGE', `${where}: has more than ${limits.manifestBytes} bytes`)
  }
  if (!text.includes('{{')) checkNesting(text, where)
  const read = readAll(text, where)
  if (read === 'template') {
    return {
      state: 'skipped',
      reason: 'is a template ({{ }}): render it first, or edit it by hand'
    }
  }
  const { documents, values } = read
  const plans = values.map((value) => planDocument(value))
  const findings = plans.flatMap((plan) => plan.findings)
  const changes = plans.flatMap((plan) => plan.changes)
  if (changes.length === 0) return { ...same, changes: [], edits: [], findings }
  const edits: Edit[] = []
  for (const [index, document] of documents.entries()) {
    const some = editsOf(text, document, plans[index]?.changes ?? [])
    if (some === undefined) return byHand(text, findings, changes)
    edits.push(...some)
  }
  const result = applyEdits(text, edits)
  const wanted = values.map((value, index) => expected(value, plans[index]?.changes ?? []))
  if (result === undefined || !says(result, wanted)) return byHand(text, findings, changes)
  return { state: 'changed', text: result, findings, changes: changes.map(describeChange), edits }
}

function says(text: string, wanted: readonly unknown[]): boolean {
  try {
    const documents = parse(text)
    return (
      documents.every((document) => document.errors.length === 0) &&
      isDeepStrictEqual(
        documents.map((document) => copy(toJs(document) ?? null)),
        wanted
      )
    )
  } catch {
    return false
  }
}

function byHand(
  text: string,
  findings: MigrationFinding[],
  changes: readonly ManifestChange[]
): Migration {
  return {
    state: 'same',
    text,
    changes: [],
    edits: [],
    findings: [
      ...findings,
      ...changes.map((change) => ({
        path: showPath(change.path),
        message: 'the file uses YAML that is not edited automatically (anchors, explicit keys)',
        fix: `edit it by hand: ${describeChange(change)}`
      }))
    ]
  }
}
