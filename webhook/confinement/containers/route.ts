import type { Store } from '../../../src/store/store.js'

/** One endpoint of this folder: what it needs is for whoever knows rights, who asks is told by them. */
export interface TruthRoute {
  method: 'GET' | 'POST'
  url: string
  summary: string
  needs: {
    verb: 'get' | 'list' | 'update' | 'approve'
    resource: 'seccompprofiles' | 'denials' | 'containers'
  }
  /** The verb of the command line that does the same. */
  cli: string
  handle(call: TruthCall): unknown
}

export interface TruthCall {
  query: Readonly<Record<string, string | string[] | undefined>>
  body: unknown
  /** Who asks: recorded with what is changed. */
  actor: string
  /** Writes as who asks: in a cluster with that person's own token. */
  store: Pick<Store, 'apply' | 'update'>
}

/** A query member as one text; of several the first. */
export function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

export function listOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}
