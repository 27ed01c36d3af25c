import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { errorKinds, type ErrorCode, SeccoError } from '../../../src/lib/errors.js'
import type { Ui } from '../model/context.js'

/** How long a request for a write waits for one, in ms. */
const waitMs = 8000
const config = { own: true }
const params = Type.Object({ id: Type.String({ pattern: '^[\\w-]{16,64}$' }) })
const schema = { hide: true, params }

interface Outcome {
  code?: string
  message?: string
  hint?: string
}

function failureOf({ code = '', message = '', hint }: Outcome): SeccoError | undefined {
  if (code === '') return undefined
  const known = Object.hasOwn(errorKinds, code) ? (code as ErrorCode) : 'INTERNAL'
  return new SeccoError(known, message, hint === undefined ? {} : { hint })
}

/**
 * Adds what a program needs that writes changes for the hub: `GET /api/v1/writes/:id` returns the object to write, and
 * `POST /api/v1/writes/:id` says what became of it. Both are for the user alone who asked for the change.
 */
export function addWrites(app: FastifyInstance, { rights }: Pick<Ui, 'rights'>): void {
  const { writes } = rights
  if (writes === undefined) return
  const userOf = ({ identity }: FastifyRequest): string => {
    if (identity === undefined) throw new SeccoError('UNAUTHENTICATED', 'no session')
    return identity.user
  }
  const path = '/api/v1/writes/:id'
  app.get<{ Params: { id: string } }>(path, { config, schema }, async (request) => {
    const object = await writes.next(userOf(request), request.params.id, waitMs)
    return object === undefined ? {} : { object }
  })
  const text = Type.Optional(Type.String({ maxLength: 4096 }))
  const body = Type.Object({ code: text, message: text, hint: text })
  app.post<{ Params: { id: string }; Body: Outcome }>(
    path,
    { config, schema: { ...schema, body } },
    async (request) => {
      const known = writes.settle(userOf(request), request.params.id, failureOf(request.body))
      if (!known) throw new SeccoError('NOT_FOUND', 'no change waits for this write')
      return Promise.resolve({})
    }
  )
}
