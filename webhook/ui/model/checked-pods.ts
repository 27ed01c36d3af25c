import { type CheckResult, checkObject } from '../../admission/check-pod.js'
import { forbidden } from '../../access/forbidden.js'
import type { Call } from './context.js'

/**
 * Decides on the pods of a document as admission does: by its code and its snapshot. Nothing is written.
 * @param namespace the namespace of documents that name none
 * @throws SeccoError INVALID_DOCUMENT, TOO_LARGE; FORBIDDEN for a namespace whose profiles the person may not list
 */
export async function checkedPods(
  { ui, identity }: Pick<Call, 'ui' | 'identity'>,
  document: string,
  namespace = 'default'
): Promise<CheckResult[]> {
  const objects = await ui.documents.read('pods', document)
  const snapshot = ui.sources.snapshot()
  const results = objects.flatMap((each) => checkObject(snapshot, each, namespace) ?? [])
  for (const one of new Set(results.map((result) => result.namespace))) {
    if (await identity.can('list', 'seccompprofiles', one)) continue
    throw forbidden(identity, { verb: 'list', resource: 'seccompprofiles' }, one)
  }
  return results
}
