import { isDeepStrictEqual } from 'node:util'
import type { KubeConfig } from '@kubernetes/client-node'
import { apiVersion } from '../api/names.js'
import { SeccoError, toSeccoError } from '../lib/errors.js'
import { kinds, pluralOf } from './directory-layout.js'
import {
  type RawObject,
  type Reflector,
  type ReflectorEvent,
  startReflector
} from './kubernetes-reflector.js'
import type { AnyObject, Kind, Objects } from '../api/objects.js'
import type { ObjectRef, StoreEvent, StoreProblem } from './store.js'

interface MirrorOptions {
  config: KubeConfig
  list: (kind: Kind) => Promise<{ items: RawObject[]; resourceVersion: string }>
  /** @throws SeccoError when the object does not match its schema. */
  read: <K extends Kind>(kind: K, raw: unknown) => Objects[K]
  onWatch?: (kind: Kind, event: ReflectorEvent, error?: unknown) => void
  /** Lists nothing before the first watch: a person may have the right to read some objects only. */
  lazy?: boolean
}

const keyOf = (kind: Kind, { namespace, name }: ObjectRef): string => `${kind} ${namespace}/${name}`

function refOfKey(key: string): ObjectRef {
  const [namespace = '', name = ''] = key.slice(key.indexOf(' ') + 1).split('/')
  return { namespace, name }
}

const refOf = ({ metadata }: RawObject): ObjectRef => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name
})

/** KubernetesMirror holds a copy of all objects; one reflector per kind updates it from the first listener on. */
export class KubernetesMirror {
  readonly #options: MirrorOptions
  readonly #objects = new Map<string, AnyObject>()
  readonly #problems = new Map<string, StoreProblem>()
  /** The uid of everything that is there, whether it can be read or not. */
  readonly #uids = new Map<string, string | undefined>()
  readonly #listeners = new Set<(event: StoreEvent) => void>()
  readonly #reflectors: Reflector[] = []
  #starting: Promise<void> | undefined

  constructor(options: MirrorOptions) {
    this.#options = options
  }

  /** Lists every kind once unless the mirror is lazy, so that opening a store that cannot be read fails at once. */
  async check(): Promise<void> {
    if (this.#options.lazy === true) return
    try {
      await Promise.all(kinds.map(async (kind) => this.#options.list(kind)))
    } catch (error) {
      throw error instanceof SeccoError ? error : toSeccoError(error)
    }
  }

  /** Reports everything that exists, then every change. Returns a function that removes the listener. */
  async watch(listener: (event: StoreEvent) => void): Promise<() => void> {
    this.#starting ??= this.#start()
    await this.#starting
    for (const object of this.#objects.values()) {
      listener({ type: 'applied', object: structuredClone(object) })
    }
    for (const problem of this.#problems.values()) listener({ type: 'problem', problem })
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  problems(): StoreProblem[] {
    return [...this.#problems.values()]
  }

  stop(): void {
    for (const reflector of this.#reflectors) reflector.stop()
    this.#listeners.clear()
  }

  async #start(): Promise<void> {
    for (const kind of kinds) this.#reflectors.push(this.#reflect(kind))
    await Promise.all(this.#reflectors.map(async ({ ready }) => ready))
  }

  #reflect(kind: Kind): Reflector {
    return startReflector({
      config: this.#options.config,
      path: `/apis/${apiVersion}/${pluralOf[kind]}`,
      list: () => this.#options.list(kind),
      onList: (items) => this.#replaceAll(kind, items),
      onChange: (type, object) =>
        type === 'DELETED' ? this.#forget(kind, refOf(object), object) : this.#update(kind, object),
      onEvent: (event, error) => this.#options.onWatch?.(kind, event, error)
    })
  }

  #emit(event: StoreEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }

  /** @param last the object as the API server deleted it; undefined: a list does not have it any more */
  #forget(kind: Kind, ref: ObjectRef, last?: RawObject): void {
    const key = keyOf(kind, ref)
    const uid = last?.metadata.uid ?? this.#uids.get(key)
    const at = last?.metadata.deletionTimestamp
    this.#uids.delete(key)
    const wasUnreadable = this.#problems.delete(key)
    if (wasUnreadable) this.#emit({ type: 'resolved', where: key })
    const wasThere = this.#objects.delete(key) || wasUnreadable
    if (!wasThere) return
    const facts = { ...(uid !== undefined && { uid }), ...(at !== undefined && { at }) }
    this.#emit({ type: 'deleted', kind, ref, ...facts })
  }

  /** Reports that an object was deleted where another one has its name by now: nothing was watched meanwhile. */
  #forgetFormer(kind: Kind, ref: ObjectRef, uid: string | undefined): void {
    const key = keyOf(kind, ref)
    const former = this.#uids.get(key)
    if (former !== undefined && uid !== undefined && former !== uid) this.#forget(kind, ref)
    this.#uids.set(key, uid)
  }

  #update(kind: Kind, raw: RawObject): void {
    const ref = refOf(raw)
    const key = keyOf(kind, ref)
    this.#forgetFormer(kind, ref, raw.metadata.uid)
    try {
      const object = this.#options.read(kind, raw)
      if (this.#problems.delete(key)) this.#emit({ type: 'resolved', where: key })
      const before = this.#objects.get(key)
      if (before !== undefined && isDeepStrictEqual(before, object)) return
      this.#objects.set(key, object)
      this.#emit({ type: 'applied', object: structuredClone(object) })
    } catch (error) {
      // The former version is no longer valid: the object counts as deleted, though it is there, and the problem is reported.
      const { message } = toSeccoError(error)
      const problem = { where: key, message }
      this.#problems.set(key, problem)
      if (this.#objects.delete(key)) this.#emit({ type: 'deleted', kind, ref, isUnreadable: true })
      this.#emit({ type: 'problem', problem })
    }
  }

  #replaceAll(kind: Kind, items: RawObject[]): void {
    const present = new Set(items.map((raw) => keyOf(kind, refOf(raw))))
    for (const key of [...this.#objects.keys(), ...this.#problems.keys()]) {
      if (key.startsWith(`${kind} `) && !present.has(key)) this.#forget(kind, refOfKey(key))
    }
    for (const raw of items) this.#update(kind, raw)
  }
}
