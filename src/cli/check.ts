import { parseAllDocuments, stringify } from 'yaml'
import { admit } from '../../webhook/admission/admit.js'
import { isObject, type JsonObject } from '../../webhook/admission/json.js'
import type { PatchOperation } from '../../webhook/admission/patch.js'
import { SeccoError } from '../errors.js'
import type { ContainerDecision } from '../rules/decision.js'
import type { Snapshot } from '../rules/snapshot.js'
import { plain } from './io.js'

export interface CheckArguments {
  file: string
  output: 'table' | 'json' | 'yaml'
  /** For documents that name none; default `default`. */
  namespace?: string
}

export interface CheckDependencies {
  snapshot: Snapshot
  readFile: (path: string) => Promise<string>
  stdout: (text: string) => void
  stderr: (text: string) => void
}

/** What `-o json` prints for one pod: a stable interface. */
export interface CheckResult {
  /** `<kind>/<name>` of the document. */
  object: string
  namespace: string
  decision: string
  reason: string
  allowed: boolean
  /** All rules that match, the most important first. */
  matchedRules: readonly string[]
  containers: readonly ContainerDecision[]
  patch: readonly PatchOperation[]
  warnings: readonly string[]
}

const templatePaths: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template']
}

function invalid(field: string, message: string): SeccoError {
  return new SeccoError('INVALID_DOCUMENT', `${field}: ${message}`, { field })
}

function readDocuments(text: string, file: string): JsonObject[] {
  const objects: JsonObject[] = []
  for (const document of parseAllDocuments(text)) {
    const [problem] = document.errors
    if (problem !== undefined) {
      throw new SeccoError('INVALID_DOCUMENT', `${file}: ${problem.message}`)
    }
    let value: unknown
    try {
      value = document.toJS()
    } catch (cause) {
      throw new SeccoError('INVALID_DOCUMENT', `${file}: not readable as YAML`, { cause })
    }
    if (value === null) continue
    if (!isObject(value)) throw new SeccoError('INVALID_DOCUMENT', `${file}: must hold objects`)
    const items = value['kind'] === 'List' ? value['items'] : undefined
    if (Array.isArray(items)) objects.push(...(items as unknown[]).filter(isObject))
    else objects.push(value)
  }
  return objects
}

function metadataOf(object: JsonObject): JsonObject {
  const metadata = object['metadata']
  return isObject(metadata) ? metadata : {}
}

/** The pod that a document makes, as its controller would send it; undefined for other kinds. */
function podOf(object: JsonObject, kind: string): JsonObject | undefined {
  const path = Object.hasOwn(templatePaths, kind) ? templatePaths[kind] : undefined
  if (path === undefined) return undefined
  let at: unknown = object
  for (const [i, key] of path.entries()) {
    at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined
    if (!isObject(at)) throw invalid(path.slice(0, i + 1).join('.'), 'must be an object')
  }
  const pod = at as JsonObject
  const containers = isObject(pod['spec']) ? pod['spec']['containers'] : undefined
  const field = [...path, 'spec', 'containers'].join('.')
  if (!Array.isArray(containers) || containers.length === 0) {
    throw invalid(field, 'must be a list with at least one container')
  }
  if (path.length === 0) return pod
  const { name } = metadataOf(object)
  const owner = { apiVersion: object['apiVersion'], kind, name, controller: true }
  const metadata = { ...metadataOf(pod), ownerReferences: [owner] }
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: pod['spec'] }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function checkOne(
  snapshot: Snapshot,
  object: JsonObject,
  defaultNamespace: string
): CheckResult | undefined {
  const kind = text(object['kind'])
  if (kind === undefined) throw invalid('kind', 'must say what the document is, e.g. Pod')
  const pod = podOf(object, kind)
  if (pod === undefined) return undefined
  const metadata = metadataOf(object)
  const namespace = text(metadata['namespace']) ?? defaultNamespace
  const { decision, patch } = admit(snapshot, {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'check',
      operation: 'CREATE',
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace,
      object: pod
    }
  })
  if (decision.reason === 'unreadable') {
    throw new SeccoError('INVALID_DOCUMENT', decision.warnings.join('; '))
  }
  return {
    object: `${kind}/${text(metadata['name']) ?? text(metadata['generateName']) ?? ''}`,
    namespace,
    decision: decision.decision,
    reason: decision.reason,
    allowed: decision.allowed,
    matchedRules: decision.matched,
    containers: decision.containers,
    patch,
    warnings: decision.allowed ? decision.warnings : [decision.message, ...decision.warnings]
  }
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('   ')
      .trimEnd()
  return rows.map((row) => `${line(row)}\n`).join('')
}

function describe(result: CheckResult): string {
  const head = `${result.object} in namespace ${result.namespace}: ${result.decision} (${result.reason})\n`
  const rules = `rules: ${result.matchedRules.length === 0 ? 'none matches' : result.matchedRules.join(', ')}\n`
  const rows = result.containers.map((c) => [
    c.container,
    c.outcome,
    c.reason,
    c.rule ?? '-',
    c.profile ?? '-',
    c.mode ?? '-'
  ])
  const title = ['CONTAINER', 'OUTCOME', 'REASON', 'RULE', 'PROFILE', 'MODE']
  const table = rows.length === 0 ? '' : `\n${columns([title, ...rows])}`
  const operations = result.patch.map((p) =>
    [p.op, p.path, 'value' in p ? JSON.stringify(p.value) : ''].join(' ').trimEnd()
  )
  const patch = operations.length === 0 ? 'patch: none\n' : `patch:\n  ${operations.join('\n  ')}\n`
  const warnings = result.warnings.map((warning) => `warning: ${warning}\n`).join('')
  return [head, rules, table, '\n', patch, warnings].join('').split('\n').map(plain).join('\n')
}

/**
 * `secco check -f POD.yaml`: what the webhook would do with the pods of a file, and why. Takes pods and
 * everything with a pod template; other documents are named on stderr and passed over.
 * @returns the exit code: 0 when every pod was decided (a refusal by `whenNotReady: Deny` included), 1
 * when the file holds no pod.
 * @throws SeccoError INVALID_DOCUMENT naming the field.
 */
export async function runCheck(args: CheckArguments, deps: CheckDependencies): Promise<number> {
  const results: CheckResult[] = []
  for (const object of readDocuments(await deps.readFile(args.file), args.file)) {
    const result = checkOne(deps.snapshot, object, args.namespace ?? 'default')
    if (result !== undefined) results.push(result)
    else deps.stderr(`${plain(String(object['kind']))}: makes no pod, passed over\n`)
  }
  if (results.length === 0) {
    deps.stderr(`No pod found in ${args.file}.\n`)
    return 1
  }
  const value = results.length === 1 ? results[0] : results
  if (args.output === 'json') deps.stdout(`${JSON.stringify(value, null, 2)}\n`)
  else if (args.output === 'yaml') deps.stdout(stringify(value))
  else deps.stdout(results.map(describe).join('\n'))
  return 0
}
