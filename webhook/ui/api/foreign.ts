import type { Ui } from '../model/context.js'
import type { Resource, Verb } from '../../access/rights.js'
import { AnyObject, type Route } from '../model/route.js'

/** An endpoint that another part of the hub brings: what it does is its business, who may is asked here. */
export interface ForeignRoute {
  method: 'GET' | 'POST'
  url: string
  summary: string
  needs: { verb: Verb; resource: Resource }
  cli: string
  handle(call: {
    query: Readonly<Record<string, string | string[] | undefined>>
    body: unknown
    /** Who asks, for what is kept of it. */
    actor: string
    /** Writes as who asks. */
    store: Ui['store']
  }): unknown
}

/** `POST /api/v1/rollback` → `postRollback`. */
function operationOf({ method, url }: ForeignRoute): string {
  const words = url.replace('/api/v1/', '').split(/[^a-zA-Z0-9]+/)
  const rest = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
  return `${method.toLowerCase()}${rest}`
}

/** Pages that use such an endpoint, by its first word. */
const pagesOf: Readonly<Record<string, readonly string[]>> = {
  containers: ['/nodes', '/'],
  summary: ['/'],
  denials: ['/denials'],
  simulate: ['/review/:namespace/:name'],
  ladder: ['/workloads/:namespace/:name'],
  promote: ['/review/:namespace/:name'],
  rollback: ['/review/:namespace/:name'],
  allow: ['/denials'],
  mute: ['/denials'],
  block: ['/emergency'],
  explain: ['/nodes'],
  'why-eperm': ['/denials']
}

/** The same behind the gate, the rights and the audit trail of everything else. */
export function routeOf(foreign: ForeignRoute): Route {
  const [word = ''] = foreign.url.replace('/api/v1/', '').split('/')
  return {
    ...foreign,
    operationId: operationOf(foreign),
    pages: pagesOf[word] ?? ['/'],
    response: AnyObject,
    wide: true,
    ...(foreign.method === 'POST' ? { body: AnyObject } : {}),
    handle: ({ ui, all, identity }, body) =>
      foreign.handle({ query: all, body, actor: identity.user, store: ui.store }) ?? {}
  }
}
