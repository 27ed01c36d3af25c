import { Type } from 'typebox'

const closed = { additionalProperties: false } as const

/** What of a container's life goes into `status.observed`, and which arguments are to be filtered. */
export const Learn = Type.Object(
  {
    probes: Type.Optional(
      Type.Boolean({ default: true, description: 'include exec probes and scripts; default true' })
    ),
    sessions: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'include exec sessions on a terminal; default false'
      })
    ),
    arguments: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z0-9_]{1,64}$' }), {
        maxItems: 64,
        description: 'calls whose learned argument values approval turns into conditions'
      })
    )
  },
  {
    ...closed,
    description: "which parts of a container's life count, and which arguments are kept"
  }
)

/** When a policy may approve what was observed; without it only people approve. */
export const Promote = Type.Object(
  {
    afterInstances: Type.Integer({
      minimum: 1,
      description: 'instances seen from their first instruction'
    }),
    afterQuiet: Type.String({
      pattern: '^([0-9]+(s|m|h|d))$',
      description: 'time without a new syscall, e.g. 24h'
    }),
    maxUnseen: Type.Optional(
      Type.Number({ minimum: 0, description: 'upper end of the estimate of the unseen' })
    ),
    denyRisky: Type.Optional(
      Type.Boolean({ default: true, description: 'leave risky calls to people; default true' })
    )
  },
  {
    ...closed,
    description: 'when a policy may approve what was observed; without it only people approve'
  }
)

/** An approval that goes with what it is about: who wrote it is checked by the API server. */
export const SpecApproval = Type.Object(
  {
    digest: Type.String({
      pattern: '^sha256:[0-9a-f]{64}$',
      description: 'of spec.seccomp and spec.extends; anything else that is there is not approved'
    }),
    by: Type.String({ minLength: 1, maxLength: 512, description: 'user name of the approver' }),
    at: Type.String({ maxLength: 64, description: 'when, RFC 3339' }),
    reason: Type.Optional(
      Type.String({ maxLength: 2048, description: 'why, in the words of the approver' })
    )
  },
  { ...closed, description: 'who approved spec.seccomp and spec.extends; optional' }
)
