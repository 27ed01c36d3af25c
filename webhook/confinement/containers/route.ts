import type { Store } from '../../../src/store/store.js'

/** ConfinementRoute is one endpoint of webhook/confinement. The server checks `needs` before it calls `handle`. */
export interface ConfinementRoute {
  method: 'GET' | 'POST'
  url: string
  summary: string
  needs: {
    verb: 'get' | 'list' | 'update' | 'approve'
    resource: 'seccompprofiles' | 'denials' | 'containers'
  }
  /** The handler checks the right itself, in the namespace of what it finds. */
  checked?: boolean
  /** The command that does the same. */
  cli: string
  handle(call: ConfinementCall): unknown
}

export interface ConfinementCall {
  query: Readonly<Record<string, string | string[] | undefined>>
  body: unknown
  /** The person or program that asks; recorded with each change. */
  actor: string
  /** Returns whether the actor may list profiles in a namespace; undefined: in all of them. */
  mayList: (namespace: string | undefined) => Promise<boolean>
  /** Writes as the actor: in a cluster with that person's own token. */
  store: Pick<Store, 'apply' | 'update'>
}

/** Returns a query member as one text, the first of several. */
export function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

export function listOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}
