import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false } as const
const digest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' })
const duration = Type.String({ pattern: '^([0-9]+(s|m|h|d))$' })
const rungs = ['learn', 'audit', 'enforce'] as const

/** A refused call that alarms nobody: counted still, left out of logs and of what a canary is judged by. */
export const Mute = Type.Object(
  {
    syscall: Type.String({ pattern: '^[a-z0-9_]{1,64}$' }),
    comm: Type.Optional(Type.String({ maxLength: 15, description: 'only of this process name' })),
    by: Type.Optional(Type.String({ maxLength: 253 })),
    at: Type.Optional(Type.String()),
    reason: Type.Optional(Type.String({ maxLength: 1000 }))
  },
  closed
)
export type Mute = Static<typeof Mute>

const Rung = Type.Object({ mode: Type.Enum([...rungs]), revision: Type.Optional(digest) }, closed)

/** Where a workload stands between learning and enforcing; without it its rules' modes count. */
export const Ladder = Type.Object(
  {
    mode: Type.Enum([...rungs]),
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
          startedAt: Type.String(),
          quietFor: duration,
          maxDenials: Type.Optional(Type.Integer({ minimum: 0 })),
          maxRestarts: Type.Optional(Type.Integer({ minimum: 0 }))
        },
        closed
      )
    )
  },
  closed
)
export type Ladder = Static<typeof Ladder>

/** Who moved a workload on its ladder, and why; newest last, a bounded number. */
export const LadderStep = Type.Object(
  {
    at: Type.String(),
    by: Type.String(),
    action: Type.Enum(['promote', 'canary', 'complete', 'return', 'rollback', 'allow', 'mute']),
    from: Type.String(),
    to: Type.String(),
    reason: Type.Optional(Type.String()),
    evidence: Type.Optional(Type.String())
  },
  closed
)
export type LadderStep = Static<typeof LadderStep>
