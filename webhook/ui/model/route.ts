import type { Static, TSchema } from 'typebox'
import { Type } from 'typebox'
import type { Call } from './context.js'
import type { Resource, Verb } from '../../access/rights.js'

/** One endpoint: its description is the OpenAPI document, the table of verbs, and what is enforced. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Fastify's form: `/api/v1/profiles/:namespace/:name`. */
  url: string
  operationId: string
  summary: string
  /** Who may: asked before the handler, with `namespace` and `name` of the path. */
  needs: { verb: Verb; resource: Resource }
  /** Its answer is not cut to what somebody may see (scope.ts): the right is asked for everything. */
  wide?: boolean
  /** The verb of the command line that does the same. */
  cli: string
  /** Paths of the pages that show or do it. */
  pages: readonly string[]
  query?: TSchema
  body?: TSchema
  response: TSchema
  /** Bytes that a body may have; default 64 KiB. */
  bodyLimit?: number
  handle(call: Call, body: unknown): unknown
}

type Options<Body extends TSchema> = Omit<Route, 'handle' | 'body'> & {
  body: Body
  handle(call: Call, body: Static<Body>): unknown
}

/** A route with a body: the handler gets it checked and typed. */
export function writing<Body extends TSchema>(options: Options<Body>): Route {
  return {
    ...options,
    // Checked against the very schema before the handler is called.
    handle: (call, body) => options.handle(call, body as Static<Body>)
  }
}

/** A route without a body. */
export function reading(options: Omit<Route, 'method' | 'body'>): Route {
  return { ...options, method: 'GET' }
}

/** `{items: […]}`, as every list is. */
export function listOf(item: TSchema): TSchema {
  return Type.Object({ items: Type.Array(item) })
}

/** An object of whatever members: described where it is made. */
export const AnyObject: TSchema = Type.Object({}, { additionalProperties: true })

export const Reason = Type.String({
  minLength: 1,
  maxLength: 1000,
  description: 'why, for the audit log'
})
