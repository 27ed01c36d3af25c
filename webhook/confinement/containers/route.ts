import type { Store } from '../../../src/store/store.js'

interface Need {
  verb: 'get' | 'list' | 'update' | 'approve'
  resource: 'seccompprofiles' | 'denials' | 'containers'
}

/** ConfinementRoute is one endpoint of webhook/confinement. The server checks `needs` before it calls `handle`. */
export interface ConfinementRoute {
  method: 'GET' | 'POST'
  url: string
  summary: string
  needs: Need
  /** A further right that is needed in the same places. */
  also?: Need
  /** The command that does the same. */
  cli: string
  /** The answer is about namespaces in `sees` only; otherwise the right is needed in the whole cluster. */
  namespaced?: true
  /**
   * Returns namespaces that a namespaced answer is also about where the person has the right there. With it, a request
   * need not name a namespace.
   */
  others?: (query: ConfinementCall['query']) => readonly string[]
  handle(call: ConfinementCall): unknown
}

export interface ConfinementCall {
  query: Readonly<Record<string, string | string[] | undefined>>
  body: unknown
  /** The person or program that asks; recorded with each change. */
  actor: string
  /** Writes as the actor: in a cluster with that person's own token. */
  store: Pick<Store, 'apply' | 'update'>
  /** Returns whether the answer may be about a namespace. */
  sees: (namespace: string) => boolean
}

/** Returns a query member as one text, the first of several. */
export function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

export function listOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}
