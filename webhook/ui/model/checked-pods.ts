import { stringify } from 'yaml'
import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { sameJson } from '../../../src/lib/same-json.js'
import { compileForSnapshot, type Snapshot } from '../../../src/rules/snapshot.js'
import { type CheckResult, checkObject } from '../../admission/check-pod.js'
import { forbidden } from '../../access/forbidden.js'
import { checkRunningPod, podManifest } from '../../confinement/containers/pod-manifest.js'
import type { Call } from './context.js'
import { rulesNow } from './rules.js'

type Asked = Pick<Call, 'ui' | 'identity'>

/** @throws SeccoError FORBIDDEN for a namespace whose profiles the person may not list */
async function mustSee({ identity }: Asked, namespace: string): Promise<void> {
  if (await identity.can('list', 'seccompprofiles', namespace)) return
  throw forbidden(identity, { verb: 'list', resource: 'seccompprofiles' }, namespace)
}

/** Returns whether two lists have the same rules, in any order. */
function sameRules(left: readonly SeccompRule[], right: readonly SeccompRule[]): boolean {
  const keyOf = ({ metadata: { namespace = rootNamespace, name } }: SeccompRule): string =>
    `${namespace}/${name}`
  const specs = new Map(left.map((one) => [keyOf(one), one.spec]))
  return (
    left.length === right.length &&
    right.every((one) => sameJson(one.spec, specs.get(keyOf(one)) ?? null))
  )
}

/** Returns the snapshot of admission with the rules that are stored now. */
async function snapshotNow({ ui }: Pick<Asked, 'ui'>): Promise<Snapshot> {
  const { stored, readable } = await rulesNow(ui.sources)
  const snapshot = ui.sources.snapshot()
  if (stored === undefined || sameRules(readable, ui.sources.rules())) return snapshot
  return { ...snapshot, rules: compileForSnapshot(stored).index }
}

/**
 * Decides on the pods of a document as admission does: by its code and its snapshot. Nothing is written.
 * @param namespace the namespace of documents that name none
 * @throws SeccoError INVALID_DOCUMENT, TOO_LARGE; FORBIDDEN for a namespace whose profiles the person may not list
 */
export async function checkedPods(
  asked: Asked,
  document: string,
  namespace = 'default'
): Promise<CheckResult[]> {
  const { ui } = asked
  const objects = await ui.documents.read('pods', document)
  const snapshot = await snapshotNow(asked)
  const results = objects.flatMap((each) => checkObject(snapshot, each, namespace) ?? [])
  for (const one of new Set(results.map((result) => result.namespace))) await mustSee(asked, one)
  return results
}

/**
 * Decides about a new pod of a running pod's workload, as admission does. `document` is the manifest of that pod.
 * @throws SeccoError NOT_FOUND for a pod that the hub does not know from the API server: nothing is decided about a pod of
 * which only the names are known; FORBIDDEN as above
 */
export async function checkedRunningPod(
  asked: Asked,
  namespace: string,
  name: string
): Promise<{ result: CheckResult; document: string }> {
  await mustSee(asked, namespace)
  const { sources } = asked.ui
  const pod = sources.podNamed(namespace, name)
  if (pod === undefined) {
    const what = 'its labels, its owner and what its author asks for are not known here'
    throw new SeccoError('NOT_FOUND', `pod ${namespace}/${name}: ${what}`, {
      hint: `save its manifest and test that: kubectl get pod ${name} -n ${namespace} -o yaml`
    })
  }
  const document = stringify(podManifest(pod), { aliasDuplicateObjects: false })
  return { result: checkRunningPod(await snapshotNow(asked), pod), document }
}
