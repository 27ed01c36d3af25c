import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import type { Store, StoreEvent, StoreProblem } from '../../src/store/store.js'

/** ObjectCache holds the store's objects in memory; the store's watch keeps it current. */
export interface ObjectCache {
  profiles(): SeccompProfile[]
  rules(): SeccompRule[]
  problems(): StoreProblem[]
  onChange(listener: () => void): void
  /** Calls the listener when a rule changed. Profiles change with every observation: the hub has their states. */
  onRule(listener: () => void): void
  close(): void
}

function isOfRule(event: StoreEvent): boolean {
  if (event.type === 'applied') return event.object.kind === 'SeccompRule'
  return event.type === 'deleted' && event.kind === 'SeccompRule'
}

/** Starts to follow a store; resolves when all existing objects were read once. */
export async function startObjectCache(store: Store): Promise<ObjectCache> {
  const profiles = new Map<string, SeccompProfile>()
  const rules = new Map<string, SeccompRule>()
  const listeners = new Set<() => void>()
  const ruleListeners = new Set<() => void>()
  const key = (namespace: string | undefined, name: string) =>
    `${namespace ?? rootNamespace}/${name}`
  const stop = await store.watch((event) => {
    if (event.type === 'applied') {
      const at = key(event.object.metadata.namespace, event.object.metadata.name)
      if (event.object.kind === 'SeccompProfile') profiles.set(at, event.object)
      else rules.set(at, event.object)
    } else if (event.type === 'deleted') {
      const map = event.kind === 'SeccompProfile' ? profiles : rules
      map.delete(key(event.ref.namespace, event.ref.name))
    }
    for (const listener of listeners) listener()
    if (isOfRule(event)) for (const listener of ruleListeners) listener()
  })
  const sorted = <Value>(map: Map<string, Value>) =>
    [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value)
  return {
    profiles: () => sorted(profiles),
    rules: () => sorted(rules),
    problems: () => store.problems(),
    onChange: (listener) => {
      listeners.add(listener)
    },
    onRule: (listener) => {
      ruleListeners.add(listener)
    },
    close: () => {
      stop()
      listeners.clear()
      ruleListeners.clear()
    }
  }
}
