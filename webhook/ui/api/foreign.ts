import type { Ui } from '../model/context.js'
import { AnyObject, type Route, type Sees } from '../model/route.js'

/** An endpoint of another part of the hub. Its rights are checked here. */
export interface ForeignRoute {
  method: 'GET' | 'POST'
  url: string
  summary: string
  needs: Route['needs']
  also?: NonNullable<Route['also']>
  cli: string
  /** The answer is about namespaces in `sees` only; otherwise the right is needed in the whole cluster. */
  namespaced?: true
  others?: NonNullable<Route['others']>
  handle(call: {
    query: Readonly<Record<string, string | string[] | undefined>>
    body: unknown
    /** Name of the user, for the audit log. */
    actor: string
    /** A store that writes as this user. */
    store: Ui['store']
    sees: Sees
  }): unknown
}

/** Returns the operationId: `postRollback` for `POST /api/v1/rollback`. */
function operationOf({ method, url }: ForeignRoute): string {
  const words = url.replace('/api/v1/', '').split(/[^a-zA-Z0-9]+/)
  const rest = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
  return `${method.toLowerCase()}${rest}`
}

/** Pages that use an endpoint, by the first word of its path. */
const pagesOf: Readonly<Record<string, readonly string[]>> = {
  containers: ['/nodes', '/'],
  summary: ['/'],
  denials: ['/denials'],
  simulate: ['/review/:namespace/:name'],
  ladder: ['/workloads/:namespace/:name'],
  history: ['/workloads/:namespace/:name'],
  promote: ['/review/:namespace/:name'],
  rollback: ['/review/:namespace/:name'],
  allow: ['/denials'],
  mute: ['/denials'],
  block: ['/emergency'],
  explain: ['/nodes'],
  'why-eperm': ['/denials']
}

/** Makes a route of it, with the rights and the audit trail of all routes. */
export function routeOf(foreign: ForeignRoute): Route {
  const [word = ''] = foreign.url.replace('/api/v1/', '').split('/')
  return {
    ...foreign,
    operationId: operationOf(foreign),
    pages: pagesOf[word] ?? ['/'],
    response: AnyObject,
    wide: true,
    ...(foreign.method === 'POST' ? { body: AnyObject } : {}),
    handle: ({ ui, all, identity }, body, sees) =>
      foreign.handle({ query: all, body, actor: identity.user, store: ui.store, sees }) ?? {}
  }
}
