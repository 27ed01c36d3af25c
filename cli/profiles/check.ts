import { stringify } from 'yaml'
import { limits } from '../../src/api/limits.js'
import { namespacePattern } from '../../src/api/names.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import {
  type CheckResult,
  checkObject,
  createsPod,
  readObjects
} from '../../webhook/admission/check-pod.js'
import { isObject, type JsonObject } from '../../webhook/admission/json.js'
import type { ObjectRef } from '../../src/store/store.js'
import type { Hub } from '../hubs/hub.js'
import { plain } from '../lib/io.js'
import { alignedLines } from '../lib/aligned-lines.js'

export type { CheckResult }

const pattern = new RegExp(namespacePattern)

interface CheckArguments {
  file: string
  output: 'table' | 'json' | 'yaml'
  /** Namespace for documents that name none; default `default`. */
  namespace?: string
}

/** Decides on objects that create pods; there is a result for each, in their order. */
export type Decide = (pods: readonly JsonObject[], namespace: string) => Promise<CheckResult[]>

const namespaceIn = ({ metadata }: JsonObject): unknown =>
  isObject(metadata) ? metadata['namespace'] : undefined

/**
 * Returns the namespace that a request names: one of its pods, where each names its own. The API server asks for the
 * right to reach the hub there.
 */
function placeOf(pods: readonly JsonObject[], fallback: string): string {
  const named = pods.map(namespaceIn)
  const isNamed = named.every((one) => typeof one === 'string' && pattern.test(one))
  return isNamed ? String(named[0]) : fallback
}

/** Asks the hub, which decides as its admission does. */
export function decidedByHub(hub: Hub): Decide {
  return async (pods, namespace) => {
    const results: CheckResult[] = []
    for (let at = 0; at < pods.length; at += limits.checkedObjects) {
      const items = pods.slice(at, at + limits.checkedObjects)
      const document = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
      const answer = await hub.ask<{ items: CheckResult[] }>('/api/v1/rules/test', {
        ...{ document, namespace: placeOf(items, namespace) }
      })
      results.push(...answer.items)
    }
    return results
  }
}

/** Asks the hub about a new pod of a running pod's workload. @throws SeccoError NOT_FOUND for a pod that it does not know */
export async function decidedOnRunning(
  hub: Hub,
  { namespace, name }: ObjectRef
): Promise<CheckResult> {
  const { items } = await hub.ask<{ items: CheckResult[] }>('/api/v1/rules/test', {
    ...{ pod: name, namespace }
  })
  const [result] = items
  if (result !== undefined) return result
  throw new SeccoError('NOT_FOUND', `pod ${namespace}/${name}: the hub answered nothing about it`)
}

/** Decides by the documents of a store. */
export function decidedByFiles(snapshot: Snapshot): Decide {
  return (pods, namespace) =>
    Promise.resolve(pods.flatMap((pod) => checkObject(snapshot, pod, namespace) ?? []))
}

interface CheckDependencies {
  decide: Decide
  readFile: (path: string) => Promise<string>
  stdout: (text: string) => void
  stderr: (text: string) => void
}

function describe(result: CheckResult): string {
  const head = `${result.object} in namespace ${result.namespace}: ${result.decision} (${result.reason})\n`
  const summary = `${result.coverage}: ${result.summary}\n`
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
  const table = rows.length === 0 ? '' : `\n${alignedLines([title, ...rows]).join('\n')}\n`
  const operations = result.patch.map((p) =>
    [p.op, p.path, 'value' in p ? JSON.stringify(p.value) : ''].join(' ').trimEnd()
  )
  const patch = operations.length === 0 ? 'patch: none\n' : `patch:\n  ${operations.join('\n  ')}\n`
  const warnings = result.warnings.map((warning) => `warning: ${warning}\n`).join('')
  return [head, summary, rules, table, '\n', patch, warnings]
    .join('')
    .split('\n')
    .map(plain)
    .join('\n')
}

/** Prints results: one alone as an object, several as a list. */
export function printResults(
  results: readonly CheckResult[],
  output: CheckArguments['output'],
  { stdout }: Pick<CheckDependencies, 'stdout'>
): void {
  const value = results.length === 1 ? results[0] : results
  if (output === 'json') stdout(`${JSON.stringify(value, null, 2)}\n`)
  else if (output === 'yaml') stdout(stringify(value))
  else stdout(results.map(describe).join('\n'))
}

/**
 * `secco check -f POD.yaml`: shows what the webhook would do with the pods of a file, and why. It accepts pods and
 * everything with a pod template; other documents are named on stderr and skipped.
 * @returns the exit code: 0 when every pod was decided (also when `whenNotReady: Deny` rejects it), 1 when the file
 * holds no pod.
 * @throws SeccoError INVALID_DOCUMENT naming the field.
 */
export async function runCheck(args: CheckArguments, deps: CheckDependencies): Promise<number> {
  const objects = readObjects(await deps.readFile(args.file), args.file)
  const pods = objects.filter(createsPod)
  for (const object of objects) {
    if (!pods.includes(object))
      deps.stderr(`${plain(String(object['kind']))}: creates no pod, skipped\n`)
  }
  if (pods.length === 0) {
    deps.stderr(`No pod found in ${args.file}.\n`)
    return 1
  }
  printResults(await deps.decide(pods, args.namespace ?? 'default'), args.output, deps)
  return 0
}
