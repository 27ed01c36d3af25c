import { type Static, Type } from 'typebox'
import { apiVersion, namePattern } from './names.js'
import { Condition, ObjectMeta } from './seccomp-profile.js'

const closed = { additionalProperties: false } as const

/** metav1.LabelSelector. */
export const LabelSelector = Type.Object(
  {
    matchLabels: Type.Optional(Type.Record(Type.String(), Type.String())),
    matchExpressions: Type.Optional(
      Type.Array(
        Type.Object(
          {
            key: Type.String(),
            operator: Type.Enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
            values: Type.Optional(Type.Array(Type.String()))
          },
          closed
        )
      )
    )
  },
  closed
)
export type LabelSelector = Static<typeof LabelSelector>

export const modes = ['learn', 'audit', 'enforce'] as const
export type Mode = (typeof modes)[number]

export const whenNotReadyChoices = ['RuntimeDefault', 'Previous', 'Deny'] as const
export type WhenNotReady = (typeof whenNotReadyChoices)[number]

export const SeccompRuleSpec = Type.Object(
  {
    podSelector: Type.Optional(LabelSelector),
    namespaceSelector: Type.Optional(LabelSelector),
    containers: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z0-9*]([-a-z0-9*]{0,61}[a-z0-9*])?$' }), {
        minItems: 1,
        description: "container names; '*' stands for any characters; default: all"
      })
    ),
    profile: Type.Optional(
      Type.Object(
        { name: Type.String({ pattern: namePattern }), namespace: Type.Optional(Type.String()) },
        closed
      )
    ),
    mode: Type.Enum([...modes]),
    whenNotReady: Type.Optional(Type.Enum([...whenNotReadyChoices])),
    priority: Type.Optional(Type.Integer({ minimum: -1000, maximum: 1000 }))
  },
  closed
)

export const SeccompRule = Type.Object(
  {
    apiVersion: Type.Literal(apiVersion),
    kind: Type.Literal('SeccompRule'),
    metadata: ObjectMeta,
    spec: SeccompRuleSpec,
    status: Type.Optional(Type.Object({ conditions: Type.Optional(Type.Array(Condition)) }, closed))
  },
  closed
)
export type SeccompRule = Static<typeof SeccompRule>
