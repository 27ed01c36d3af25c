import { isDeepStrictEqual } from 'node:util'
import {
  CustomObjectsApi,
  type KubeConfig,
  PatchStrategy,
  setHeaderOptions
} from '@kubernetes/client-node'
import { apiGroup, apiVersion } from '../api/names.js'
import { validateObject } from '../api/validate.js'
import { SeccoError } from '../lib/errors.js'
import { checkRef, pluralOf } from './directory-layout.js'
import { fromApiServer, httpStatus } from './kubernetes-errors.js'
import type { RawObject } from './kubernetes-reflector.js'
import type { AnyObject, Kind, Objects } from '../api/objects.js'
import type { ObjectRef, Store } from './store.js'

const group = apiGroup
const version = apiVersion.slice(apiGroup.length + 1)
/** Objects per page of a list. */
const pageSize = 500
/** Somebody else's write between our read and ours: read again and try so often. */
const attempts = 20

const applyPatch = setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply)
const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)

interface Page {
  items: RawObject[]
  metadata: { resourceVersion?: string; continue?: string }
}

function place(kind: Kind, ref: ObjectRef) {
  return { group, version, plural: pluralOf[kind], ...ref }
}

/** What the API server adds for itself is not part of a document. */
export function readObject<K extends Kind>(kind: K, raw: unknown): Objects[K] {
  const { metadata, ...rest } = raw as RawObject
  const kept: RawObject['metadata'] & { managedFields?: unknown } = { ...metadata }
  delete kept.managedFields
  const object = { ...rest, apiVersion, kind, metadata: kept }
  return validateObject(object, `${kind} ${kept.namespace ?? ''}/${kept.name}`) as Objects[K]
}

/** A document as server-side apply wants it: what we want, nothing of the server's, no status. */
function wishOf(object: AnyObject): object {
  const { name, namespace, labels, annotations, resourceVersion } = object.metadata
  return {
    apiVersion,
    kind: object.kind,
    metadata: {
      name,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(resourceVersion === undefined ? {} : { resourceVersion })
    },
    spec: object.spec
  }
}

interface Members {
  [key: string]: unknown
}

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `after` as a merge patch (RFC 7396) of `before`: null in the place of every member that goes. */
function patchOf(before: Members, after: Members): { patch: Members; removes: boolean } {
  const gone = Object.keys(before).filter((key) => after[key] === undefined)
  const patch: Members = Object.fromEntries(gone.map((key) => [key, null]))
  let removes = gone.length > 0
  for (const [key, value] of Object.entries(after)) {
    const old = before[key]
    const inner = isMembers(old) && isMembers(value) ? patchOf(old, value) : undefined
    patch[key] = inner?.patch ?? value
    removes ||= inner?.removes === true
  }
  return { patch, removes }
}

/** The objects alone: what is asked of the API server is asked as whom the configuration says. */
export type KubernetesObjects = Pick<Store, 'get' | 'apply' | 'update' | 'delete'> & {
  listRaw: (kind: Kind) => Promise<{ items: RawObject[]; resourceVersion: string }>
}

/**
 * Reads and writes of single objects. Metadata and spec are written by server-side apply with our field
 * manager (KEP-555), status by replacing it; `update` is optimistic: read, change, write with the version
 * read, again after a conflict. Spec and status are two writes, spec first. Server-side apply leaves what
 * another manager owns (kubectl, a GitOps tool), so that where a member of the spec goes, the spec is patched
 * first: a spec without what was to go is not the one that was approved.
 */
export function kubernetesObjects(config: KubeConfig, fieldManager = 'secco'): KubernetesObjects {
  const api = config.makeApiClient(CustomObjectsApi)

  async function call<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw fromApiServer(error, what)
    }
  }

  async function listRaw(kind: Kind): Promise<{ items: RawObject[]; resourceVersion: string }> {
    const items: RawObject[] = []
    let next: string | undefined
    for (;;) {
      const where = { group, version, resourcePlural: pluralOf[kind], limit: pageSize }
      const page = (await call(`list ${pluralOf[kind]}`, () =>
        api.listCustomObjectForAllNamespaces({
          ...where,
          ...(next === undefined ? {} : { _continue: next })
        })
      )) as Page
      items.push(...page.items)
      next = page.metadata.continue
      if (next === undefined || next === '') {
        return { items, resourceVersion: page.metadata.resourceVersion ?? '' }
      }
    }
  }

  async function read<K extends Kind>(kind: K, ref: ObjectRef): Promise<Objects[K] | undefined> {
    checkRef(ref)
    try {
      return readObject(kind, await api.getNamespacedCustomObject(place(kind, ref)))
    } catch (error) {
      if (httpStatus(error) === 404) return undefined
      throw fromApiServer(error, `${kind} ${ref.namespace}/${ref.name}`)
    }
  }

  async function create<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    body: object
  ): Promise<Objects[K]> {
    const { namespace } = ref
    const where = { group, version, plural: pluralOf[kind], namespace, fieldManager, body }
    const made: unknown = await call(`create ${kind} ${namespace}/${ref.name}`, () =>
      api.createNamespacedCustomObject(where)
    )
    return readObject(kind, made)
  }

  /** Writes the spec when a member of it goes. @returns the version to go on from */
  async function removeMembers<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    existing: Objects[K],
    object: Objects[K]
  ): Promise<string | undefined> {
    const { resourceVersion } = object.metadata
    const { patch, removes } = patchOf({ ...existing.spec }, { ...object.spec })
    if (!removes) return resourceVersion
    const metadata = resourceVersion === undefined ? {} : { resourceVersion }
    const where = { ...place(kind, ref), body: { metadata, spec: patch }, fieldManager }
    const patched: unknown = await call(`update ${kind} ${ref.namespace}/${ref.name}`, () =>
      api.patchNamespacedCustomObject(where, mergePatch)
    )
    return resourceVersion && readObject(kind, patched).metadata.resourceVersion
  }

  async function applyExisting<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    wanted: Objects[K],
    existing: Objects[K] | undefined
  ) {
    const resourceVersion =
      existing === undefined
        ? wanted.metadata.resourceVersion
        : await removeMembers(kind, ref, existing, wanted)
    const metadata = { ...wanted.metadata, ...(resourceVersion && { resourceVersion }) }
    const body = wishOf({ ...wanted, metadata })
    const where = { ...place(kind, ref), body, fieldManager, force: true }
    const applied: unknown = await call(`apply ${kind} ${ref.namespace}/${ref.name}`, () =>
      api.patchNamespacedCustomObject(where, applyPatch)
    )
    return readObject(kind, applied)
  }

  /** Writes what `changed` has beyond `existing`, each part with the version it was read with. */
  async function replace<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    existing: Objects[K],
    changed: Objects[K]
  ) {
    let written = existing
    const what = `update ${kind} ${ref.namespace}/${ref.name}`
    const main = (object: Objects[K]) => [
      object.spec,
      object.metadata.labels,
      object.metadata.annotations
    ]
    if (!isDeepStrictEqual(main(existing), main(changed))) {
      // Applied, not replaced: one owner for what we write, so that a later apply can take it away.
      const { resourceVersion } = existing.metadata
      const metadata = { ...changed.metadata, ...(resourceVersion && { resourceVersion }) }
      written = await applyExisting(kind, ref, { ...changed, metadata }, existing)
    }
    if (!isDeepStrictEqual(existing.status, changed.status)) {
      const body = { ...written, status: changed.status ?? {} }
      const where = { ...place(kind, ref), body, fieldManager }
      written = readObject(
        kind,
        await call(what, () => api.replaceNamespacedCustomObjectStatus(where))
      )
    }
    return written
  }

  return {
    listRaw,
    get: read,
    async apply(kind, object) {
      const ref = { namespace: object.metadata.namespace ?? '', name: object.metadata.name }
      checkRef(ref)
      validateObject(object, `${kind} ${ref.namespace}/${ref.name}`)
      const existing = await read(kind, ref)
      if (existing !== undefined || object.metadata.resourceVersion === undefined)
        return applyExisting(kind, ref, object, existing)
      const metadata = { ...object.metadata }
      delete metadata.resourceVersion
      return create(kind, ref, wishOf({ ...object, metadata }))
    },
    async update(kind, ref, change) {
      for (let attempt = 1; ; attempt++) {
        const existing = await read(kind, ref)
        if (existing === undefined) {
          throw new SeccoError('NOT_FOUND', `no ${kind} ${ref.namespace}/${ref.name}`)
        }
        const changed = change(structuredClone(existing))
        if (isDeepStrictEqual(existing, changed)) return existing
        validateObject(changed, `${kind} ${ref.namespace}/${ref.name}`)
        try {
          return await replace(kind, ref, existing, changed)
        } catch (error) {
          const again = error instanceof SeccoError && error.code === 'CONFLICT'
          if (!again || attempt === attempts) throw error
        }
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * attempt))
      }
    },
    async delete(kind, ref) {
      checkRef(ref)
      try {
        await api.deleteNamespacedCustomObject(place(kind, ref))
        return true
      } catch (error) {
        if (httpStatus(error) === 404) return false
        throw fromApiServer(error, `delete ${kind} ${ref.namespace}/${ref.name}`)
      }
    }
  }
}
