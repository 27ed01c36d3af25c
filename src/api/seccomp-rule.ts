import { type Static, Type } from 'typebox'
import { apiVersion, namePattern, namespacePattern } from './names.js'
import { Condition, ObjectMeta, ObservedGeneration } from './seccomp-profile.js'

const closed = { additionalProperties: false } as const

const label = (description: string) => Type.String({ maxLength: 317, description })

const selectorOf = (description: string) =>
  Type.Object(
    {
      matchLabels: Type.Optional(
        Type.Record(Type.String(), Type.String({ maxLength: 63 }), {
          description: 'labels that must all be present with these values'
        })
      ),
      matchExpressions: Type.Optional(
        Type.Array(
          Type.Object(
            {
              key: label('label key'),
              operator: Type.Enum(['In', 'NotIn', 'Exists', 'DoesNotExist'], {
                description: 'In and NotIn need values, Exists and DoesNotExist have none'
              }),
              values: Type.Optional(
                Type.Array(Type.String({ maxLength: 63 }), {
                  maxItems: 256,
                  description: 'values to compare with'
                })
              )
            },
            closed
          ),
          { maxItems: 64, description: 'requirements that must all hold' }
        )
      )
    },
    { ...closed, description }
  )

/** metav1.LabelSelector. */
export const LabelSelector = selectorOf('metav1.LabelSelector')
export type LabelSelector = Static<typeof LabelSelector>

export const modes = ['learn', 'audit', 'enforce'] as const
export type Mode = (typeof modes)[number]

/** What each mode does, as docs/concepts.md and every page define it. */
export const modeTexts: Readonly<Record<Mode, string>> = {
  learn: 'RuntimeDefault is in force, and the satellite records.',
  audit:
    'Calls that the profile does not allow are logged, except those that RuntimeDefault denies: they stay denied.',
  enforce: 'Calls that the profile does not allow are denied.'
}

/** Says why a rule that does not only learn names its profile, and how containers get the profiles of their own. */
export const namedProfileText =
  'a rule of mode audit or enforce names its profile; without one a rule learns each container into a profile of its own, ' +
  'which people promote to audit and enforce for the pods of that rule'

export const whenNotReadyChoices = ['RuntimeDefault', 'Previous', 'Deny'] as const
export type WhenNotReady = (typeof whenNotReadyChoices)[number]

export const SeccompRuleSpec = Type.Object(
  {
    podSelector: Type.Optional(selectorOf('which pods; without it, every pod')),
    namespaceSelector: Type.Optional(
      selectorOf(
        'which namespaces; accepted only in the root namespace; without it, every namespace'
      )
    ),
    containers: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z0-9*]([-a-z0-9*]{0,61}[a-z0-9*])?$' }), {
        minItems: 1,
        maxItems: 64,
        description:
          "container names; '*' stands for any characters; default: all; of a rule outside the root namespace, the " +
          'container that the profile was learned from (spec.workload.container), if it names one'
      })
    ),
    images: Type.Optional(
      Type.Array(
        Type.String({ minLength: 1, maxLength: 512, pattern: '^[A-Za-z0-9*][A-Za-z0-9._:/@*-]*$' }),
        {
          minItems: 1,
          maxItems: 64,
          description:
            "images of the containers, as their pods name them: 'nginx', 'registry.example.com/shop/*', 'nginx:1.27*', " +
            "'nginx@sha256:…'; '*' stands for any characters; without a tag every tag and digest; a pattern with a tag does " +
            'not match a name that has only a digest, and a tag beside a digest is not what a runtime runs: leave tags out ' +
            "where the rule must hold; an image that is named by its id ('sha256:…') matches every pattern; default: all"
        }
      )
    ),
    profile: Type.Optional(
      Type.Object(
        {
          name: Type.String({
            maxLength: 253,
            pattern: namePattern,
            description: 'name of a SeccompProfile'
          }),
          namespace: Type.Optional(
            Type.String({
              maxLength: 63,
              pattern: namespacePattern,
              description:
                'namespace of the profile; without it, the namespace of the rule, then that of the pod'
            })
          )
        },
        {
          ...closed,
          description: 'the profile to assign, or in mode learn the profile to learn into'
        }
      )
    ),
    mode: Type.Enum([...modes], {
      description: modes.map((mode) => `${mode}: ${modeTexts[mode]}`).join(' ')
    }),
    whenNotReady: Type.Optional(
      Type.Enum([...whenNotReadyChoices], {
        default: 'RuntimeDefault',
        description:
          'what a pod gets while a node lacks the revision: RuntimeDefault, the Previous revision, or Deny: the pod is rejected'
      })
    ),
    priority: Type.Optional(
      Type.Integer({
        minimum: -1000,
        maximum: 1000,
        default: 0,
        description: 'the highest priority wins where several rules cover a container'
      })
    )
  },
  { ...closed, description: 'which containers of which pods get which profile, in which mode' }
)

export const SeccompRule = Type.Object(
  {
    apiVersion: Type.Literal(apiVersion),
    kind: Type.Literal('SeccompRule'),
    metadata: ObjectMeta,
    spec: SeccompRuleSpec,
    status: Type.Optional(
      Type.Object(
        {
          observedGeneration: Type.Optional(ObservedGeneration),
          conditions: Type.Optional(
            Type.Array(Condition, { description: 'Ready: the rule is in use' })
          )
        },
        { ...closed, description: 'whether the rule is in use; written by the hub' }
      )
    )
  },
  closed
)
export type SeccompRule = Static<typeof SeccompRule>
