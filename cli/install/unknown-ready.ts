import { apiGroup, apiVersion } from '../../src/api/names.js'
import { plural } from '../../src/lib/plural.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { type ApiCall, listCollection } from '../../src/store/kubernetes-call.js'
import type { Io } from '../lib/io.js'

interface Condition {
  type: string
  status: string
  reason: string
  message: string
  lastTransitionTime: string
}
interface Owned {
  metadata: { namespace: string; name: string }
  status?: { conditions?: Condition[] }
}

const isReady = ({ type, status }: Condition): boolean => type === 'Ready' && status !== 'Unknown'

/** Returns the conditions with `Ready` unknown, because Secco was removed. */
export function withoutReady<C extends Condition>(conditions: readonly C[], now: string): C[] {
  const unknown = {
    ...{ type: 'Ready', status: 'Unknown', reason: 'Uninstalled', lastTransitionTime: now },
    message: 'Secco was removed from the cluster: nothing delivers or assigns this any more'
  }
  return conditions.map((one) => (isReady(one) ? { ...one, ...unknown } : one))
}

/** Returns all objects of a kind; none where the CRD is not there. */
async function objectsOf(call: ApiCall, kind: string): Promise<Owned[]> {
  try {
    const { items } = await listCollection(call, `/apis/${apiVersion}/${kind}`)
    return items as unknown as Owned[]
  } catch (error) {
    if (toSeccoError(error).code === 'NOT_FOUND') return []
    throw error
  }
}

/**
 * Makes `Ready` unknown on the profiles and rules that stay in the cluster: nobody would take it back after the last
 * hub. Prints what it changes, or what it would.
 * @throws SeccoError FORBIDDEN, UNAVAILABLE
 */
export async function makeReadyUnknown(io: Io, call: ApiCall, dryRun: boolean): Promise<void> {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  for (const [kind, word] of [
    ['seccompprofiles', 'profile'],
    ['seccomprules', 'rule']
  ] as const) {
    const stale = (await objectsOf(call, kind)).filter(
      ({ status }) => status?.conditions?.some(isReady) === true
    )
    if (stale.length === 0) continue
    io.stdout(
      `${dryRun ? 'would make' : 'make'} Ready unknown on ${plural(stale.length, word)} of ${apiGroup}\n`
    )
    if (dryRun) continue
    for (const { metadata, status } of stale) {
      const { namespace, name } = metadata
      const conditions = withoutReady(status?.conditions ?? [], now)
      await call('PATCH', `/apis/${apiVersion}/namespaces/${namespace}/${kind}/${name}/status`, {
        body: { status: { conditions } },
        contentType: 'application/merge-patch+json'
      }).catch((error: unknown) => {
        // Somebody deleted it meanwhile.
        if (toSeccoError(error).code !== 'NOT_FOUND') throw error
      })
    }
  }
}
