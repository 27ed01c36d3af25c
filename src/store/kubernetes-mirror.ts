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

export interface MirrorOptions {
  config: KubeConfig
  list: (kind: Kind) => Promise<{ items: RawObject[]; resourceVersion: string }>
  /** @throws SeccoError when the object is not what its schema says. */
  read: <K extends Kind>(kind: K, raw: unknown) => Objects[K]
  onWatch?: (kind: Kind, event: ReflectorEvent, error?: unknown) => void
  /** Nothing is listed before somebody watches: a person may read some objects, and not all of them. */
  lazy?: boolean
}

/** A copy of all objects, kept true by one reflector per kind from the first watcher on. */
export interface Mirror {
  watch(listener: (event: StoreEvent) => void): Promise<() => void>
  problems(): StoreProblem[]
  stop(): void
}

const keyOf = (kind: Kind, { namespace, name }: ObjectRef): string => `${kind} ${namespace}/${name}`

const refOf = ({ metadata }: RawObject): ObjectRef => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name
})

export async function createMirror(options: MirrorOptions): Promise<Mirror> {
  const objects = new Map<string, { kind: Kind; ref: ObjectRef; object: AnyObject }>()
  const problems = new Map<string, StoreProblem>()
  const listeners = new Set<(event: StoreEvent) => void>()
  const reflectors: Reflector[] = []

  const tell = (event: StoreEvent): void => {
    for (const listener of [...listeners]) listener(event)
  }

  function forget(kind: Kind, ref: ObjectRef): void {
    const key = keyOf(kind, ref)
    if (problems.delete(key)) tell({ type: 'resolved', where: key })
    if (objects.delete(key)) tell({ type: 'deleted', kind, ref })
  }

  function take(kind: Kind, raw: RawObject): void {
    const ref = refOf(raw)
    const key = keyOf(kind, ref)
    try {
      const object = options.read(kind, raw)
      if (problems.delete(key)) tell({ type: 'resolved', where: key })
      const before = objects.get(key)?.object
      if (before !== undefined && isDeepStrictEqual(before, object)) return
      objects.set(key, { kind, ref, object })
      tell({ type: 'applied', object: structuredClone(object) })
    } catch (error) {
      // What it was before no longer holds: it is as if it were not there, and it is said.
      const { message } = toSeccoError(error)
      const problem = { where: key, message }
      problems.set(key, problem)
      if (objects.delete(key)) tell({ type: 'deleted', kind, ref })
      tell({ type: 'problem', problem })
    }
  }

  function takeList(kind: Kind, items: RawObject[]): void {
    const present = new Set(items.map((raw) => keyOf(kind, refOf(raw))))
    for (const [key, { ref, ...known }] of [...objects]) {
      if (known.kind === kind && !present.has(key)) forget(kind, ref)
    }
    for (const key of [...problems.keys()]) {
      if (key.startsWith(`${kind} `) && !present.has(key) && problems.delete(key)) {
        tell({ type: 'resolved', where: key })
      }
    }
    for (const raw of items) take(kind, raw)
  }

  let starting: Promise<void> | undefined
  async function start(): Promise<void> {
    for (const kind of kinds) {
      reflectors.push(
        startReflector({
          config: options.config,
          path: `/apis/${apiVersion}/${pluralOf[kind]}`,
          list: () => options.list(kind),
          onList: (items) => takeList(kind, items),
          onChange: (type, object) =>
            type === 'DELETED' ? forget(kind, refOf(object)) : take(kind, object),
          onEvent: (event, error) => options.onWatch?.(kind, event, error)
        })
      )
    }
    await Promise.all(reflectors.map(async ({ ready }) => ready))
  }

  // A program that opens a store wants to know at once that it cannot be read.
  if (options.lazy !== true) {
    await Promise.all(kinds.map(async (kind) => options.list(kind))).catch((error: unknown) => {
      throw error instanceof SeccoError ? error : toSeccoError(error)
    })
  }

  return {
    async watch(listener) {
      starting ??= start()
      await starting
      for (const { object } of objects.values()) {
        listener({ type: 'applied', object: structuredClone(object) })
      }
      for (const problem of problems.values()) listener({ type: 'problem', problem })
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    problems: () => [...problems.values()],
    stop() {
      for (const reflector of reflectors) reflector.stop()
      listeners.clear()
    }
  }
}
