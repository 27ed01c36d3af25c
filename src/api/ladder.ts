import { type Static, Type } from 'typebox'
import { ownWordOfName } from './mute-words.js'

const closed = { additionalProperties: false } as const
const digest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' })
const duration = Type.String({ pattern: '^([0-9]+(s|m|h|d))$' })
const modes = ['learn', 'audit', 'enforce'] as const

/** A denied syscall that raises no alarm: it is still counted, but left out of logs and of the decision on a canary. */
export const Mute = Type.Object(
  {
    syscall: Type.String({ pattern: '^[a-z0-9_]{1,64}$', description: 'the syscall' }),
    comm: Type.Optional(
      Type.String({
        maxLength: 15,
        description: `only for processes with this name; ${ownWordOfName}`
      })
    ),
    by: Type.Optional(Type.String({ maxLength: 253, description: 'who muted it' })),
    at: Type.Optional(Type.String({ description: 'when, RFC 3339' })),
    reason: Type.Optional(Type.String({ maxLength: 1000, description: 'why' }))
  },
  { ...closed, description: 'a denied syscall that raises no alarm; it is still counted' }
)
export type Mute = Static<typeof Mute>

const LadderMode = Type.Object(
  {
    mode: Type.Enum([...modes], { description: 'learn, audit or enforce' }),
    revision: Type.Optional({ ...digest, description: 'this revision instead of the newest' })
  },
  closed
)

/** Mode of a workload between learning and enforcing; without it the modes of its rules apply. */
export const Ladder = Type.Object(
  {
    mode: Type.Enum([...modes], { description: 'learn, audit or enforce' }),
    revision: Type.Optional({ ...digest, description: 'this revision instead of the newest' }),
    enforceAfter: Type.Optional({
      ...duration,
      description: 'a policy enforces after this long in audit without a denial'
    }),
    canary: Type.Optional(
      Type.Object(
        {
          percent: Type.Integer({
            minimum: 1,
            maximum: 100,
            description: 'percentage of the new pods'
          }),
          from: Type.Object(LadderMode.properties, {
            ...closed,
            description: 'what the other pods get'
          }),
          startedAt: Type.String({ description: 'when, RFC 3339' }),
          quietFor: {
            ...duration,
            description: 'the canary completes after this long without denials and restarts'
          },
          maxDenials: Type.Optional(
            Type.Integer({ minimum: 0, description: 'more denials than this end the canary' })
          ),
          maxRestarts: Type.Optional(
            Type.Integer({ minimum: 0, description: 'more restarts than this end the canary' })
          )
        },
        { ...closed, description: 'a share of the new pods that gets the next mode first' }
      )
    )
  },
  {
    ...closed,
    description:
      'mode of the workload between learning and enforcing; without it the modes of its rules apply'
  }
)
export type Ladder = Static<typeof Ladder>

/** One change of a workload's mode: who changed it and why. The list is bounded, newest last. */
export const LadderStep = Type.Object(
  {
    at: Type.String({ description: 'when, RFC 3339' }),
    by: Type.String({ description: 'who: a person, or a policy' }),
    action: Type.Enum(['promote', 'canary', 'complete', 'return', 'rollback', 'allow', 'mute'], {
      description: 'what was done'
    }),
    from: Type.String({ description: 'mode before the change' }),
    to: Type.String({ description: 'mode after the change' }),
    reason: Type.Optional(
      Type.String({ description: 'why, in the words of that person or policy' })
    ),
    evidence: Type.Optional(Type.String({ description: 'facts that were known at that time' }))
  },
  { ...closed, description: 'one change of mode' }
)
export type LadderStep = Static<typeof LadderStep>
