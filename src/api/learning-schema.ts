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
