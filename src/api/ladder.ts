import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false } as const
const digest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' })
const duration = Type.String({ pattern: '^([0-9]+(s|m|h|d))$' })
const rungs = ['learn', 'audit', 'enforce'] as const

/** A refused call that alarms nobody: counted still, left out of logs and of what a canary is judged by. */
export const Mute = Type.Object(
  {
    syscall: Type.String({ pattern: '^[a-z0-9_]{1,64}$', description: 'the call' }),
    comm: Type.Optional(Type.String({ maxLength: 15, description: 'only of this process name' })),
    by: Type.Optional(Type.String({ maxLength: 253, description: 'who muted it' })),
    at: Type.Optional(Type.String({ description: 'when, RFC 3339' })),
    reason: Type.Optional(Type.String({ maxLength: 1000, description: 'why' }))
  },
  { ...closed, description: 'a refused call that alarms nobody; it is counted still' }
)
export type Mute = Static<typeof Mute>

const Rung = Type.Object(
  {
    mode: Type.Enum([...rungs], { description: 'learn, audit or enforce' }),
    revision: Type.Optional({ ...digest, description: 'this one instead of the newest' })
  },
  closed
)

/** Where a workload stands between learning and enforcing; without it its rules' modes count. */
export const Ladder = Type.Object(
  {
    mode: Type.Enum([...rungs], { description: 'learn, audit or enforce' }),
    revision: Type.Optional({ ...digest, description: 'this one instead of the newest' }),
    enforceAfter: Type.Optional({
      ...duration,
      description: 'a policy enforces after this long in audit without a denial'
    }),
    canary: Type.Optional(
      Type.Object(
        {
          percent: Type.Integer({ minimum: 1, maximum: 100, description: 'of the new pods' }),
          from: Type.Object(Rung.properties, { ...closed, description: 'what the others get' }),
          startedAt: Type.String({ description: 'when, RFC 3339' }),
          quietFor: { ...duration, description: 'it is complete after this long without trouble' },
          maxDenials: Type.Optional(
            Type.Integer({ minimum: 0, description: 'more denials than these end it' })
          ),
          maxRestarts: Type.Optional(
            Type.Integer({ minimum: 0, description: 'more restarts than these end it' })
          )
        },
        { ...closed, description: 'a share of the new pods goes ahead of the others' }
      )
    )
  },
  {
    ...closed,
    description:
      "where the workload stands between learning and enforcing; its rules' modes without it"
  }
)
export type Ladder = Static<typeof Ladder>

/** Who moved a workload on its ladder, and why; newest last, a bounded number. */
export const LadderStep = Type.Object(
  {
    at: Type.String({ description: 'when, RFC 3339' }),
    by: Type.String({ description: 'who: a person, or a policy' }),
    action: Type.Enum(['promote', 'canary', 'complete', 'return', 'rollback', 'allow', 'mute'], {
      description: 'what was done'
    }),
    from: Type.String({ description: 'where it stood' }),
    to: Type.String({ description: 'where it stands since' }),
    reason: Type.Optional(Type.String({ description: 'why, in the words of who did it' })),
    evidence: Type.Optional(Type.String({ description: 'what was known then' }))
  },
  { ...closed, description: 'one move on the ladder' }
)
export type LadderStep = Static<typeof LadderStep>
