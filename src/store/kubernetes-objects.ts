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
/** How often an update is tried when another client writes between our read and our write. */
const attempts = 20

const applyPatch = setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply)
const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)

/** One page of a list. */
interface ListPage {
  items: RawObject[]
  metadata: { resourceVersion?: string; continue?: string }
}

function place(kind: Kind, ref: ObjectRef) {
  return { group, version, plural: pluralOf[kind], ...ref }
}

/** Returns the object without what the API server adds for itself (managedFields). */
export function readObject<K extends Kind>(kind: K, raw: unknown): Objects[K] {
  const { metadata, ...rest } = raw as RawObject
  const kept: RawObject['metadata'] & { managedFields?: unknown } = { ...metadata }
  delete kept.managedFields
  const object = { ...rest, apiVersion, kind, metadata: kept }
  return validateObject(object, `${kind} ${kept.namespace ?? ''}/${kept.name}`) as Objects[K]
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

interface Members {
  [key: string]: unknown
}

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Returns `after` as a merge patch (RFC 7396) of `before`, with null for every member that is removed. */
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

async function call<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw fromApiServer(error, what)
  }
}

function described(kind: Kind, { namespace, name }: ObjectRef): string {
  return `${kind} ${namespace}/${name}`
}

/** ObjectClient sends the requests for single objects to the API server. */
class ObjectClient {
  readonly #api: CustomObjectsApi
  readonly #fieldManager: string

  constructor(api: CustomObjectsApi, fieldManager: string) {
    this.#api = api
    this.#fieldManager = fieldManager
  }

  async list(
    kind: Kind,
    namespace?: string
  ): Promise<{ items: RawObject[]; resourceVersion: string }> {
    const plural = pluralOf[kind]
    const items: RawObject[] = []
    let next: string | undefined
    for (;;) {
      const from = next === undefined ? {} : { _continue: next }
      const where = { group, version, limit: pageSize, ...from }
      const page = (await call(`list ${plural}`, () =>
        namespace === undefined
          ? this.#api.listCustomObjectForAllNamespaces({ ...where, resourcePlural: plural })
          : this.#api.listNamespacedCustomObject({ ...where, plural, namespace })
      )) as ListPage
      items.push(...page.items)
      next = page.metadata.continue
      if (next === undefined || next === '') {
        return { items, resourceVersion: page.metadata.resourceVersion ?? '' }
      }
    }
  }

  async get<K extends Kind>(kind: K, ref: ObjectRef): Promise<Objects[K] | undefined> {
    checkRef(ref)
    try {
      return readObject(kind, await this.#api.getNamespacedCustomObject(place(kind, ref)))
    } catch (error) {
      if (httpStatus(error) === 404) return undefined
      throw fromApiServer(error, described(kind, ref))
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
    change: (object: Objects[K]) => Objects[K]
  ): Promise<Objects[K]> {
    for (let attempt = 1; ; attempt++) {
      const existing = await this.get(kind, ref)
      if (existing === undefined) throw new SeccoError('NOT_FOUND', `no ${described(kind, ref)}`)
      const changed = change(structuredClone(existing))
      if (isDeepStrictEqual(existing, changed)) return existing
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
      await this.#api.deleteNamespacedCustomObject(place(kind, ref))
      return true
    } catch (error) {
      if (httpStatus(error) === 404) return false
      throw fromApiServer(error, `delete ${described(kind, ref)}`)
    }
  }

  async #create<K extends Kind>(kind: K, ref: ObjectRef, body: object): Promise<Objects[K]> {
    const { namespace } = ref
    const fieldManager = this.#fieldManager
    const where = { group, version, plural: pluralOf[kind], namespace, fieldManager, body }
    const made: unknown = await call(`create ${described(kind, ref)}`, () =>
      this.#api.createNamespacedCustomObject(where)
    )
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
    const body = { metadata, spec: patch }
    const where = { ...place(kind, ref), body, fieldManager: this.#fieldManager }
    const patched: unknown = await call(`update ${described(kind, ref)}`, () =>
      this.#api.patchNamespacedCustomObject(where, mergePatch)
    )
    return resourceVersion && readObject(kind, patched).metadata.resourceVersion
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
    const body = appliedDocument({ ...wanted, metadata })
    const where = { ...place(kind, ref), body, fieldManager: this.#fieldManager, force: true }
    const applied: unknown = await call(`apply ${described(kind, ref)}`, () =>
      this.#api.patchNamespacedCustomObject(where, applyPatch)
    )
    return readObject(kind, applied)
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
      // Applied, not replaced: our field manager owns what we write, so that a later apply can remove it.
      const { resourceVersion } = existing.metadata
      const metadata = { ...changed.metadata, ...(resourceVersion && { resourceVersion }) }
      written = await this.#patch(kind, ref, { ...changed, metadata }, existing)
    }
    if (isDeepStrictEqual(existing.status, changed.status)) return written
    const body = { ...written, status: changed.status ?? {} }
    const where = { ...place(kind, ref), body, fieldManager: this.#fieldManager }
    const replaced: unknown = await call(`update ${described(kind, ref)}`, () =>
      this.#api.replaceNamespacedCustomObjectStatus(where)
    )
    return readObject(kind, replaced)
  }
}

/**
 * Reads and writes single objects. Server-side apply with our field manager (KEP-555) writes metadata and
 * spec, a replace writes status. `update` is optimistic: it reads, changes, writes with the version that it
 * read, and retries after a conflict. Spec and status are two writes, spec first. Server-side apply keeps what
 * another manager owns (kubectl, a GitOps tool). If a change removes a member of the spec, the spec is therefore
 * patched first: a spec that still has the member is not the one that was approved.
 */
export function kubernetesObjects(config: KubeConfig, fieldManager = 'secco'): KubernetesObjects {
  const client = new ObjectClient(config.makeApiClient(CustomObjectsApi), fieldManager)
  return {
    listRaw: (kind, namespace) => client.list(kind, namespace),
    get: (kind, ref) => client.get(kind, ref),
    apply: (kind, object) => client.apply(kind, object),
    update: (kind, ref, change) => client.update(kind, ref, change),
    delete: (kind, ref) => client.delete(kind, ref)
  }
}
