import { isDeepStrictEqual } from 'node:util'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { approvedDigest, boundApproval } from '../../../src/seccomp/render/approval.js'
import type { Kind, Objects } from '../../../src/store/store.js'
import type { Ui } from '../model/context.js'

type Changes = Record<string, unknown>

/** Members of a status that are others than before. */
function changesOf(before: object | undefined, after: object | undefined): Changes {
  const old = (before ?? {}) as Changes
  return Object.fromEntries(
    Object.entries(after ?? {}).filter(([key, value]) => !isDeepStrictEqual(old[key], value))
  )
}

/** What lets more or less through carries the approval of whoever writes it; the hub lists it from there. */
function boundBy(before: SeccompProfile, after: SeccompProfile, by: string, now: number) {
  if (approvedDigest(before.spec) === approvedDigest(after.spec)) return after
  const known = before.status?.approvals
  const said = (after.status?.approvals ?? []).slice(known?.length ?? 0).at(-1)
  const approval = boundApproval(after.spec, {
    ...{ by, at: said?.at ?? new Date(now).toISOString() },
    ...(said?.reason === undefined ? {} : { reason: said.reason })
  })
  const status = { ...after.status }
  if (known === undefined) delete status.approvals
  else status.approvals = known
  return { ...after, spec: { ...after.spec, approval }, status }
}

/**
 * Changes that a person makes in the pages: metadata and spec are written as that person (its own token,
 * so that the API server's rights and policies decide), status by the hub, whose it is.
 */
export function actingStore(
  person: Ui['store'],
  own: Ui['store'],
  by: string,
  now: () => number
): Ui['store'] {
  return {
    get: (kind, ref) => person.get(kind, ref),
    delete: (kind, ref) => person.delete(kind, ref),
    apply(kind, object) {
      const { approval, ...spec } = object.spec as SeccompProfile['spec']
      // An approval in a document is somebody's about something: who writes it here says so himself.
      if (kind !== 'SeccompProfile' || (spec.seccomp === undefined && approval === undefined))
        return person.apply(kind, object)
      const at = new Date(now()).toISOString()
      const bound = { ...spec, approval: boundApproval(spec, { by, at }) }
      return person.apply(kind, { ...object, spec: bound })
    },
    async update<K extends Kind>(
      kind: K,
      ref: { namespace: string; name: string },
      change: (object: Objects[K]) => Objects[K]
    ) {
      let status: Changes = {}
      const written = await person.update(kind, ref, (object) => {
        const wish = change(object)
        const after =
          kind === 'SeccompProfile'
            ? (boundBy(object as SeccompProfile, wish as SeccompProfile, by, now()) as Objects[K])
            : wish
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
