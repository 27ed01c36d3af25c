import { isDeepStrictEqual } from 'node:util'
import { approvedChange, approvedDocument } from '../../../src/confinement/approving-store.js'
import type { Kind, Objects } from '../../../src/api/objects.js'
import type { Ui } from '../model/context.js'

type Changes = Record<string, unknown>

/** Returns the members of a status that changed. */
function changesOf(before: object | undefined, after: object | undefined): Changes {
  const old = (before ?? {}) as Changes
  return Object.fromEntries(
    Object.entries(after ?? {}).filter(([key, value]) => !isDeepStrictEqual(old[key], value))
  )
}

/**
 * Returns a store for the changes of a person. Metadata and spec are written with the person's own token, so that
 * the rights and policies of the API server decide; the status is written by the hub.
 */
export function actingStore(
  person: Ui['store'],
  own: Ui['store'],
  by: string,
  now: () => number
): Ui['store'] {
  const writer = () => ({ by, at: new Date(now()).toISOString() })
  return {
    get: (kind, ref) => person.get(kind, ref),
    delete: (kind, ref) => person.delete(kind, ref),
    apply: (kind, object) => person.apply(kind, approvedDocument(kind, object, writer())),
    async update<K extends Kind>(
      kind: K,
      ref: { namespace: string; name: string },
      change: (object: Objects[K]) => Objects[K]
    ) {
      let status: Changes = {}
      const bound = approvedChange(kind, change, writer())
      const written = await person.update(kind, ref, (object) => {
        const after = bound(object)
        status = changesOf(object.status, after.status)
        const spec: Objects[K] = { ...after }
        if (object.status === undefined) delete spec.status
        else spec.status = object.status
        return spec
      })
      if (Object.keys(status).length === 0) return written
      return own.update(kind, ref, (current) => ({
        ...current,
        status: { ...current.status, ...status }
      }))
    }
  }
}
