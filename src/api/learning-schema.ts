import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false } as const

/** Selects which parts of a container's life go into `status.observed`, and which arguments are filtered. */
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
        description: 'syscalls whose learned argument values become conditions on approval'
      })
    )
  },
  {
    ...closed,
    description: "which parts of a container's life count, and which arguments are kept"
  }
)

/** Conditions under which a policy may approve what was observed; without them only people approve. */
export const Promote = Type.Object(
  {
    afterInstances: Type.Integer({
      minimum: 1,
      description: 'instances recorded from their first instruction'
    }),
    afterQuiet: Type.String({
      pattern: '^([0-9]+(s|m|h|d))$',
      description:
        'time without a new syscall, e.g. 24h; the workload is recorded for as long in that time, or begins five times'
    }),
    maxUnseen: Type.Optional(
      Type.Number({
        minimum: 0,
        description: 'upper bound of the estimated number of unseen syscalls'
      })
    ),
    denyRisky: Type.Optional(
      Type.Boolean({ default: true, description: 'leave risky syscalls to people; default true' })
    )
  },
  {
    ...closed,
    description: 'when a policy may approve what was observed; without it only people approve'
  }
)

/** An approval inside the spec that it approves: the API server checks who wrote it. */
export const SpecApproval = Type.Object(
  {
    digest: Type.String({
      pattern: '^sha256:[0-9a-f]{64}$',
      description: 'digest of spec.seccomp and spec.extends; any other content is not approved'
    }),
    by: Type.String({ minLength: 1, maxLength: 512, description: 'user name of the approver' }),
    at: Type.String({ maxLength: 64, description: 'when, RFC 3339' }),
    reason: Type.Optional(
      Type.String({ maxLength: 2048, description: 'why, in the words of the approver' })
    )
  },
  { ...closed, description: 'who approved spec.seccomp and spec.extends; optional' }
)

/** A profile that another one extends, as it was when that began. */
export const ParentRef = Type.Object(
  {
    name: Type.String({ description: 'NAMESPACE/NAME' }),
    uid: Type.String({ description: 'metadata.uid' })
  },
  { ...closed, description: 'a profile of another namespace' }
)
export type ParentRef = Static<typeof ParentRef>

/** One approval: who approved what, and when. The list has the newest last. */
export const Approval = Type.Object(
  {
    by: Type.String({ description: 'who approved: a person, or the policy of spec.promote' }),
    at: Type.String({ description: 'when, RFC 3339' }),
    reason: Type.Optional(Type.String({ description: 'why, in the words of the approver' })),
    revision: Type.String({ description: 'digest of the first rendering of the approved content' }),
    digest: Type.Optional(
      Type.String({
        description: 'digest of spec.seccomp and spec.extends at the time of the approval'
      })
    )
  },
  { ...closed, description: 'who approved what, and when' }
)
