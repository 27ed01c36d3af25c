import type { Static, TSchema } from 'typebox'
import { Type } from 'typebox'
import type { Call } from './context.js'
import type { Resource, Verb } from '../../access/rights.js'

/** One endpoint: it is served, described in the OpenAPI document, and enforced as this says. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Path in Fastify's form: `/api/v1/profiles/:namespace/:name`. */
  url: string
  operationId: string
  summary: string
  /** The right that is checked before the handler, for `namespace` and `name` of the path. */
  needs: { verb: Verb; resource: Resource }
  /** A further right that a wide route needs in the same places. */
  also?: Route['needs']
  /** Whether the answer is not limited to what a person may see (scope.ts): the right is checked for everything. */
  wide?: boolean
  /** A wide route whose answer is about namespaces in `sees` only: the right is checked for those that a request names. */
  namespaced?: true
  /**
   * Returns namespaces that a namespaced answer is also about where the person has the right there. With it, a request
   * need not name a namespace.
   */
  others?: (query: Call['all']) => readonly string[]
  /** The handler checks the right itself, in the namespace of what it finds. */
  checked?: boolean
  /** The verb of the command line that does the same. */
  cli: string
  /** Paths of the pages that use the endpoint. */
  pages: readonly string[]
  query?: TSchema
  body?: TSchema
  response: TSchema
  /** Limit of the body in bytes; default 64 KiB. */
  bodyLimit?: number
  handle(call: Call, body: unknown, sees: Sees): unknown
}

/** Returns whether an answer may be about a namespace. */
export type Sees = (namespace: string) => boolean

type Options<Body extends TSchema> = Omit<Route, 'handle' | 'body'> & {
  body: Body
  handle(call: Call, body: Static<Body>): unknown
}

/** Returns the object that the path of a call names. */
export function refOf({ params }: Call) {
  return { namespace: params['namespace'] ?? '', name: params['name'] ?? '' }
}

/** Makes a route with a body, which the handler gets checked and typed. */
export function writing<Body extends TSchema>(options: Options<Body>): Route {
  return {
    ...options,
    // Fastify checks the body against this schema before it calls the handler.
    handle: (call, body) => options.handle(call, body as Static<Body>)
  }
}

/** Makes a route without a body. */
export function reading(options: Omit<Route, 'method' | 'body'>): Route {
  return { ...options, method: 'GET' }
}

/** Returns the schema of a list: `{items: […]}`. */
export function listOf(item: TSchema): TSchema {
  return Type.Object({ items: Type.Array(item) })
}

/** The schema of an object that is described where it is made. */
export const AnyObject: TSchema = Type.Object({}, { additionalProperties: true })

export const Reason = Type.String({
  minLength: 1,
  maxLength: 1000,
  description: 'why, for the audit log'
})

export const Force = Type.Optional(
  Type.Boolean({ description: 'also where a start that was not recorded is enforced at once' })
)
