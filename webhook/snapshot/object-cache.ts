import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import type { DeletedEvent, Store, StoreEvent, StoreProblem } from '../../src/store/store.js'

/** ObjectCache holds the store's objects in memory; the store's watch keeps it current. */
export interface ObjectCache {
  /** The same list until one of them changes, in the order of their names. */
  profiles(): readonly SeccompProfile[]
  rules(): readonly SeccompRule[]
  problems(): StoreProblem[]
  onChange(listener: () => void): void
  /** Calls the listener with the last content that could be read of an object that was deleted, or that is away for now. */
  onDeleted(listener: (object: SeccompProfile | SeccompRule) => void): void
  /** Calls the listener when a rule changed. Profiles change with every observation: the hub has their states. */
  onRule(listener: () => void): void
  close(): void
}

function isOfRule(event: StoreEvent): boolean {
  if (event.type === 'applied') return event.object.kind === 'SeccompRule'
  return event.type === 'deleted' && event.kind === 'SeccompRule'
}

/** SortedValues is a map with a list of its values in the order of their keys, sorted again only for other keys. */
class SortedValues<Value> {
  readonly #values = new Map<string, Value>()
  #keys: string[] | undefined
  #list: readonly Value[] | undefined

  set(key: string, value: Value): void {
    if (!this.#values.has(key)) this.#keys = undefined
    this.#list = undefined
    this.#values.set(key, value)
  }

  delete(key: string): Value | undefined {
    const before = this.#values.get(key)
    if (!this.#values.delete(key)) return undefined
    this.#keys = undefined
    this.#list = undefined
    return before
  }

  list(): readonly Value[] {
    this.#keys ??= [...this.#values.keys()].sort((a, b) => (a < b ? -1 : 1))
    return (this.#list ??= this.#keys.flatMap((key) => this.#values.get(key) ?? []))
  }
}

/** Starts to follow a store; resolves when all existing objects were read once. */
export async function startObjectCache(store: Store): Promise<ObjectCache> {
  const profiles = new SortedValues<SeccompProfile>()
  const rules = new SortedValues<SeccompRule>()
  const listeners = new Set<() => void>()
  const deleted = new Set<(object: SeccompProfile | SeccompRule) => void>()
  const ruleListeners = new Set<() => void>()
  const key = (namespace: string | undefined, name: string) =>
    `${namespace ?? rootNamespace}/${name}`
  /** The last content of what is there and cannot be read now, by kind and key. */
  const unreadable = new Map<string, SeccompProfile | SeccompRule>()
  const forget = ({ kind, ref, isUnreadable }: DeletedEvent): void => {
    const at = key(ref.namespace, ref.name)
    const place = `${kind} ${at}`
    const object =
      (kind === 'SeccompProfile' ? profiles : rules).delete(at) ?? unreadable.get(place)
    if (isUnreadable !== true) unreadable.delete(place)
    if (object === undefined) return
    if (isUnreadable === true) unreadable.set(place, object)
    else for (const listener of deleted) listener(object)
  }
  const stop = await store.watch((event) => {
    if (event.type === 'applied') {
      const { kind, metadata } = event.object
      const at = key(metadata.namespace, metadata.name)
      unreadable.delete(`${kind} ${at}`)
      if (event.object.kind === 'SeccompProfile') profiles.set(at, event.object)
      else rules.set(at, event.object)
    } else if (event.type === 'deleted') forget(event)
    for (const listener of listeners) listener()
    if (isOfRule(event)) for (const listener of ruleListeners) listener()
  })
  return {
    profiles: () => profiles.list(),
    rules: () => rules.list(),
    problems: () => store.problems(),
    onChange: (listener) => {
      listeners.add(listener)
    },
    onDeleted: (listener) => {
      deleted.add(listener)
    },
    onRule: (listener) => {
      ruleListeners.add(listener)
    },
    close: () => {
      stop()
      listeners.clear()
      deleted.clear()
      ruleListeners.clear()
    }
  }
}
