import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { SeccoError } from '../../../src/lib/errors.js'
import type { ConfinementCall } from '../containers/route.js'

const closed = { additionalProperties: false } as const
const Ref = Type.String({ pattern: '^[a-z0-9-]{1,63}/[a-z0-9][-a-z0-9.]{0,252}$' })
const Reason = Type.String({ minLength: 1, maxLength: 1000 })
/** `NAME` or `NAME:ARG=VALUE,…` */
const Syscall = Type.String({ maxLength: 200 })
/** The bodies of requests that change a ladder, or what profiles allow. */
export const bodies = {
  promote: Compile(
    Type.Object(
      {
        profile: Ref,
        mode: Type.Enum(['audit', 'enforce']),
        canary: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
        quietFor: Type.Optional(Type.String({ pattern: '^[0-9]+(s|m|h|d)$' })),
        maxDenials: Type.Optional(Type.Integer({ minimum: 0 })),
        maxRestarts: Type.Optional(Type.Integer({ minimum: 0 })),
        reason: Type.Optional(Type.String({ maxLength: 1000 })),
        dryRun: Type.Optional(Type.Boolean()),
        force: Type.Optional(Type.Boolean())
      },
      closed
    )
  ),
  block: Compile(
    Type.Object(
      {
        what: Type.String({ maxLength: 4096 }),
        reason: Type.Optional(Type.String()),
        remove: Type.Optional(Type.Boolean()),
        dryRun: Type.Optional(Type.Boolean()),
        force: Type.Optional(Type.Boolean())
      },
      closed
    )
  ),
  rollback: Compile(
    Type.Object({ profile: Ref, reason: Reason, force: Type.Optional(Type.Boolean()) }, closed)
  ),
  allow: Compile(
    Type.Object(
      {
        profile: Ref,
        syscall: Type.Optional(Syscall),
        syscalls: Type.Optional(Type.Array(Syscall, { minItems: 1, maxItems: 64 })),
        reason: Type.Optional(Type.String({ maxLength: 1000 })),
        yes: Type.Optional(Type.Boolean())
      },
      closed
    )
  ),
  mute: Compile(
    Type.Object(
      {
        profile: Ref,
        syscall: Type.String({ pattern: '^[a-z0-9_]{1,64}$' }),
        comm: Type.Optional(Type.String({ maxLength: 15 })),
        reason: Reason,
        remove: Type.Optional(Type.Boolean())
      },
      closed
    )
  )
}

interface Checker<Body> {
  Check(value: unknown): value is Body
  Errors(value: unknown): { instancePath: string; message: string }[]
}

/** Returns the body of a change. @throws SeccoError INVALID_ARGUMENT naming the member. */
export function bodyOf<Body>(checker: Checker<Body>, call: ConfinementCall): Body {
  if (checker.Check(call.body)) return call.body
  const [first] = checker.Errors(call.body)
  const field = (first?.instancePath ?? '').replace(/^\//, '').replaceAll('/', '.')
  const what = field === '' ? 'the body' : field
  // The words for a member that a closed object does not have.
  const isUnknown = first?.message === 'schema is false'
  const why = isUnknown ? 'is no member of this request' : (first?.message ?? 'is wrong')
  throw new SeccoError('INVALID_ARGUMENT', `${what}: ${why}`, { field })
}
