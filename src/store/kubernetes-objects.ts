import { isDeepStrictEqual } from 'node:util'
import type { KubeConfig } from '@kubernetes/client-node'
import { apiVersion } from '../api/names.js'
import { validateObject, validateStored } from '../api/validate.js'
import { SeccoError } from '../lib/errors.js'
import { checkNamespace, checkRef, pluralOf } from './directory-layout.js'
import { type ApiCall, createApiCall, listCollection } from './kubernetes-call.js'
import type { RawObject } from './kubernetes-reflector.js'
import { patchOf } from './merge-patch.js'
import type { AnyObject, Kind, Objects } from '../api/objects.js'
import type { ObjectRef, Store } from './store.js'

/** How often an update is tried when another client writes between our read and our write. */
const attempts = 20

const applyPatch = 'application/apply-patch+yaml'
const mergePatch = 'application/merge-patch+json'

function collectionPath(kind: Kind, namespace?: string): string {
  const place = namespace === undefined ? '' : `namespaces/${namespace}/`
  return `/apis/${apiVersion}/${place}${pluralOf[kind]}`
}

const pathOf = (kind: Kind, { namespace, name }: ObjectRef): string =>
  `${collectionPath(kind, namespace)}/${name}`

const isMissing = (error: unknown): boolean =>
  error instanceof SeccoError && error.code === 'NOT_FOUND'

/** Returns the object without what the API server adds for itself (managedFields). */
export function readObject<K extends Kind>(kind: K, raw: unknown): Objects[K] {
  const { metadata, ...rest } = raw as RawObject
  const kept: RawObject['metadata'] & { managedFields?: unknown } = { ...metadata }
  delete kept.managedFields
  const object = { ...rest, apiVersion, kind, metadata: kept }
  return validateStored(object, `${kind} ${kept.namespace ?? ''}/${kept.name}`) as Objects[K]
}

/** Returns the document for server-side apply: only our fields, without the server's and without status. */
function appliedDocument(object: AnyObject): object {
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

/** Reads and writes of single objects, with the identity of the configuration. */
type KubernetesObjects = Pick<Store, 'get' | 'apply' | 'update' | 'delete'> & {
  /** @param namespace default: all */
  listRaw: (
    kind: Kind,
    namespace?: string
  ) => Promise<{ items: RawObject[]; resourceVersion: string }>
}

/** The parts of an object that server-side apply writes. */
const appliedParts = ({ spec, metadata: { labels, annotations } }: AnyObject) => [
  spec,
  labels,
  annotations
]

function described(kind: Kind, { namespace, name }: ObjectRef): string {
  return `${kind} ${namespace}/${name}`
}

/** ObjectClient sends the requests for single objects to the API server. */
class ObjectClient {
  readonly #call: ApiCall
  readonly #fieldManager: string

  constructor(call: ApiCall, fieldManager: string) {
    this.#call = call
    this.#fieldManager = fieldManager
  }

  async list(
    kind: Kind,
    namespace?: string
  ): Promise<{ items: RawObject[]; resourceVersion: string }> {
    if (namespace !== undefined) checkNamespace(namespace)
    return listCollection(this.#call, collectionPath(kind, namespace), {}, `list ${pluralOf[kind]}`)
  }

  async get<K extends Kind>(kind: K, ref: ObjectRef): Promise<Objects[K] | undefined> {
    checkRef(ref)
    try {
      return readObject(
        kind,
        await this.#call('GET', pathOf(kind, ref), { what: described(kind, ref) })
      )
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async apply<K extends Kind>(kind: K, object: Objects[K]): Promise<Objects[K]> {
    const ref = { namespace: object.metadata.namespace ?? '', name: object.metadata.name }
    checkRef(ref)
    validateObject(object, described(kind, ref))
    const existing = await this.get(kind, ref)
    if (existing !== undefined || object.metadata.resourceVersion === undefined) {
      return this.#patch(kind, ref, object, existing)
    }
    const metadata = { ...object.metadata }
    delete metadata.resourceVersion
    return this.#create(kind, ref, appliedDocument({ ...object, metadata }))
  }

  async update<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    change: (object: Objects[K]) => Objects[K],
    seen?: Objects[K]
  ): Promise<Objects[K]> {
    let known = seen
    for (let attempt = 1; ; attempt++) {
      const existing = known ?? (await this.get(kind, ref))
      if (existing === undefined) throw new SeccoError('NOT_FOUND', `no ${described(kind, ref)}`)
      const changed = change(structuredClone(existing))
      const isSame = isDeepStrictEqual(existing, changed)
      if (isSame && known === undefined) return existing
      known = undefined
      // What was seen may be old: whether there is nothing to write is decided about what is there.
      if (isSame) continue
      validateObject(changed, described(kind, ref))
      try {
        return await this.#replace(kind, ref, existing, changed)
      } catch (error) {
        const retry = error instanceof SeccoError && error.code === 'CONFLICT'
        if (!retry || attempt === attempts) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * attempt))
    }
  }

  async delete(kind: Kind, ref: ObjectRef): Promise<boolean> {
    checkRef(ref)
    try {
      await this.#call('DELETE', pathOf(kind, ref), { what: `delete ${described(kind, ref)}` })
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }

  async #create<K extends Kind>(kind: K, ref: ObjectRef, body: object): Promise<Objects[K]> {
    const query = { fieldManager: this.#fieldManager }
    const what = `create ${described(kind, ref)}`
    const made = await this.#call('POST', collectionPath(kind, ref.namespace), {
      query,
      body,
      what
    })
    return readObject(kind, made)
  }

  /** Writes the spec if the change removes a member of it. Returns the version for the next write. */
  async #removeMembers<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    existing: Objects[K],
    object: Objects[K]
  ): Promise<string | undefined> {
    const { resourceVersion } = object.metadata
    const { patch, removes } = patchOf({ ...existing.spec }, { ...object.spec })
    if (!removes) return resourceVersion
    const metadata = resourceVersion === undefined ? {} : { resourceVersion }
    const patched = await this.#merge(kind, ref, { metadata, spec: patch })
    return resourceVersion && patched.metadata.resourceVersion
  }

  async #patch<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    wanted: Objects[K],
    existing: Objects[K] | undefined
  ): Promise<Objects[K]> {
    const resourceVersion =
      existing === undefined
        ? wanted.metadata.resourceVersion
        : await this.#removeMembers(kind, ref, existing, wanted)
    const metadata = { ...wanted.metadata, ...(resourceVersion && { resourceVersion }) }
    const applied = await this.#call('PATCH', pathOf(kind, ref), {
      query: { fieldManager: this.#fieldManager, force: true },
      contentType: applyPatch,
      what: `apply ${described(kind, ref)}`,
      body: appliedDocument({ ...wanted, metadata })
    })
    return readObject(kind, applied)
  }

  /**
   * Writes the members of metadata and spec that differ, and no others: the API server makes our field manager an owner
   * of what we write, and a member that we own besides a GitOps tool can no longer be removed by that tool.
   */
  async #change<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    { metadata: before, spec: old }: Objects[K],
    { metadata: after, spec }: Objects[K]
  ): Promise<Objects[K]> {
    const { resourceVersion } = before
    const metadata = {
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      labels: patchOf(before.labels ?? {}, after.labels ?? {}).patch,
      annotations: patchOf(before.annotations ?? {}, after.annotations ?? {}).patch
    }
    const body = { metadata, spec: patchOf({ ...old }, { ...spec }).patch }
    return this.#merge(kind, ref, body)
  }

  async #merge<K extends Kind>(kind: K, ref: ObjectRef, body: object): Promise<Objects[K]> {
    const patched = await this.#call('PATCH', pathOf(kind, ref), {
      query: { fieldManager: this.#fieldManager },
      contentType: mergePatch,
      what: `update ${described(kind, ref)}`,
      body
    })
    return readObject(kind, patched)
  }

  /** Writes the parts in which `changed` differs from `existing`, each with the version that was read. */
  async #replace<K extends Kind>(
    kind: K,
    ref: ObjectRef,
    existing: Objects[K],
    changed: Objects[K]
  ): Promise<Objects[K]> {
    let written = existing
    if (!isDeepStrictEqual(appliedParts(existing), appliedParts(changed))) {
      written = await this.#change(kind, ref, existing, changed)
    }
    if (isDeepStrictEqual(existing.status, changed.status)) return written
    const replaced = await this.#call('PUT', `${pathOf(kind, ref)}/status`, {
      query: { fieldManager: this.#fieldManager },
      what: `update ${described(kind, ref)}`,
      body: { ...written, status: changed.status ?? {} }
    })
    return readObject(kind, replaced)
  }
}

/**
 * Reads and writes single objects. `apply` is a server-side apply with our field manager (KEP-555), which keeps what
 * another manager owns (kubectl, a GitOps tool). If a document lacks a member of the spec, the spec is therefore
 * patched first: a spec that still has the member is not the one that was approved.
 * `update` is optimistic: it reads, changes, writes with the version that it read, and retries after a conflict. A
 * merge patch writes what differs of metadata and spec, a replace writes status: two writes, spec first.
 */
export function kubernetesObjects(config: KubeConfig, fieldManager = 'secco'): KubernetesObjects {
  const client = new ObjectClient(createApiCall(config), fieldManager)
  return {
    listRaw: (kind, namespace) => client.list(kind, namespace),
    get: (kind, ref) => client.get(kind, ref),
    apply: (kind, object) => client.apply(kind, object),
    update: (kind, ref, change, seen) => client.update(kind, ref, change, seen),
    delete: (kind, ref) => client.delete(kind, ref)
  }
}
