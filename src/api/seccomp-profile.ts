import { type Static, Type } from 'typebox'
import { limits } from './limits.js'
import { InstanceEvidence, LearnedArgument, setOf } from './evidence-schema.js'
import { Learn, Promote, SpecApproval } from './learning-schema.js'
import { Ladder, LadderStep, Mute } from './ladder.js'
import { apiVersion, namePattern, namespacePattern } from './names.js'
import { seccompActions, seccompArchitectures, seccompOperators } from './seccomp-words.js'

/**
 * Schemas of the objects users write. One home: validation, CRDs and OpenAPI derive from here.
 * `additionalProperties: false` everywhere a user writes: an unknown key is an error, not ignored.
 */
const closed = { additionalProperties: false } as const

export type SeccompAction = (typeof seccompActions)[number]

export const SeccompArg = Type.Object(
  {
    index: Type.Integer({ minimum: 0, maximum: 5, description: 'which argument, from 0' }),
    value: Type.Integer({ minimum: 0, description: 'value to compare with (unsigned)' }),
    valueTwo: Type.Optional(
      Type.Integer({ minimum: 0, description: 'second value, for MASKED_EQ' })
    ),
    op: Type.Enum([...seccompOperators], {
      description: 'how to compare; MASKED_EQ: (argument & value) == valueTwo'
    })
  },
  closed
)
export type SeccompArg = Static<typeof SeccompArg>

export const SeccompSyscall = Type.Object(
  {
    names: Type.Array(Type.String({ pattern: '^[a-z0-9_]{1,64}$' }), {
      minItems: 1,
      maxItems: limits.names,
      description: 'syscall names, as in /usr/include/asm/unistd.h without the prefix'
    }),
    action: Type.Enum([...seccompActions], {
      description:
        'what the kernel does with these calls: ALLOW, ERRNO (refuse), LOG (allow and log), KILL_*, TRAP'
    }),
    errnoRet: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 4095, description: 'errno that a refused call returns' })
    ),
    args: Type.Optional(
      Type.Array(SeccompArg, { maxItems: 6, description: 'all must hold for the action to apply' })
    )
  },
  closed
)
export type SeccompSyscall = Static<typeof SeccompSyscall>

/** `linux.seccomp` of the OCI runtime-spec (config-linux.md#seccomp), the part Secco accepts. */
export const LinuxSeccomp = Type.Object(
  {
    defaultAction: Type.Enum([...seccompActions], {
      description:
        'for every call that no entry of syscalls names; a learned profile says SCMP_ACT_ERRNO'
    }),
    defaultErrnoRet: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 4095,
        description: 'errno of calls that the default action refuses; 1 (EPERM) without it'
      })
    ),
    architectures: Type.Optional(
      Type.Array(Type.Enum([...seccompArchitectures]), {
        maxItems: 16,
        description: 'ABIs that the profile speaks of; a call in any other kills the process'
      })
    ),
    syscalls: Type.Optional(
      Type.Array(SeccompSyscall, {
        maxItems: limits.rules,
        description: 'what differs from the default action'
      })
    )
  },
  {
    ...closed,
    description:
      "the approved part, in the shape of the OCI runtime-spec's linux.seccomp; what the node needs beyond it (runtime, base, families) is added when it is rendered"
  }
)
export type LinuxSeccomp = Static<typeof LinuxSeccomp>

export const ObjectMeta = Type.Object(
  {
    name: Type.String({ pattern: namePattern }),
    namespace: Type.Optional(Type.String({ pattern: namespacePattern })),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
    resourceVersion: Type.Optional(Type.String()),
    generation: Type.Optional(Type.Integer()),
    uid: Type.Optional(Type.String()),
    creationTimestamp: Type.Optional(Type.String())
  },
  { additionalProperties: true }
)
export type ObjectMeta = Static<typeof ObjectMeta>

export const Condition = Type.Object(
  {
    type: Type.String({ description: 'what it is about, e.g. Ready' }),
    status: Type.Enum(['True', 'False', 'Unknown'], { description: 'True, False or Unknown' }),
    reason: Type.String({
      description: 'one word, for programs; docs/reference/conditions.md lists them all'
    }),
    message: Type.String({ description: 'the same for people, with names and numbers' }),
    lastTransitionTime: Type.String({ description: 'when status changed last, RFC 3339' }),
    observedGeneration: Type.Optional(
      Type.Integer({ description: 'metadata.generation that this was worked out for' })
    )
  },
  { ...closed, description: 'one aspect of the state, in the form of metav1.Condition' }
)
export type Condition = Static<typeof Condition>

export const WorkloadRef = Type.Object(
  {
    kind: Type.String({
      description:
        'Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod, or Container outside Kubernetes'
    }),
    name: Type.String({ description: 'name of the topmost owner, or of the bare pod' }),
    container: Type.Optional(
      Type.String({ description: 'name of the container; without it every container of the pod' })
    )
  },
  {
    ...closed,
    description: 'whose containers are learned into this profile; without it nothing is learned'
  }
)
export type WorkloadRef = Static<typeof WorkloadRef>

/** Who approved what: one entry per approval, newest last. */
export const Approval = Type.Object(
  {
    by: Type.String({ description: 'who approved: a person, or the policy of spec.promote' }),
    at: Type.String({ description: 'when, RFC 3339' }),
    reason: Type.Optional(Type.String({ description: 'why, in the words of who approved' })),
    revision: Type.String({ description: 'digest of the first rendering of what was approved' }),
    digest: Type.Optional(
      Type.String({ description: 'of spec.seccomp and spec.extends as they were approved' })
    )
  },
  { ...closed, description: 'who approved what, and when' }
)

export const SeccompProfileSpec = Type.Object(
  {
    extends: Type.Optional(
      Type.Array(
        Type.String({
          maxLength: 317,
          description: 'NAME or NAMESPACE/NAME of a profile whose approved part is added'
        }),
        {
          maxItems: 32,
          description: 'profiles whose approved parts are added when this one is rendered'
        }
      )
    ),
    workload: Type.Optional(WorkloadRef),
    seccomp: Type.Optional(LinuxSeccomp),
    learn: Type.Optional(Learn),
    promote: Type.Optional(Promote),
    approval: Type.Optional(SpecApproval),
    ladder: Type.Optional(Ladder),
    mute: Type.Optional(
      Type.Array(Mute, { maxItems: 256, description: 'denials that alarm nobody' })
    )
  },
  {
    ...closed,
    description: 'what people want: where to learn from, what is approved, who may approve more'
  }
)

export const SeccompProfileStatus = Type.Object(
  {
    observed: Type.Optional(setOf('everything that was seen to be used; grows only')),
    probes: Type.Optional(setOf('what exec probes and scripts used')),
    sessions: Type.Optional(setOf('what exec sessions on a terminal used')),
    startup: Type.Optional(setOf('what was used before an instance was ready')),
    serving: Type.Optional(setOf('what was used after an instance was ready')),
    arguments: Type.Optional(
      Type.Array(LearnedArgument, { description: 'argument values of the calls that are watched' })
    ),
    instances: Type.Optional(
      Type.Array(InstanceEvidence, { description: 'where it was seen: the newest instances' })
    ),
    lastNew: Type.Optional(
      Type.String({ description: 'when observed grew last, RFC 3339, by the clock of the hub' })
    ),
    revision: Type.Optional(
      Type.String({
        pattern: '^sha256:[0-9a-f]{64}$',
        description:
          'digest of the newest rendering; nodes hold it as secco/NAMESPACE/NAME/DIGEST.json'
      })
    ),
    previousRevision: Type.Optional(
      Type.String({
        pattern: '^sha256:[0-9a-f]{64}$',
        description: 'the rendering before it, for whenNotReady: Previous'
      })
    ),
    auditRevision: Type.Optional(
      Type.String({
        pattern: '^sha256:[0-9a-f]{64}$',
        description: 'digest of the newest rendering for audit'
      })
    ),
    nodes: Type.Optional(
      Type.Object(
        {
          ready: Type.Integer({ description: 'nodes that hold the revision, verified' }),
          total: Type.Integer({ description: 'nodes that count' })
        },
        { ...closed, description: 'how far the revision came' }
      )
    ),
    approvals: Type.Optional(
      Type.Array(Approval, { description: 'one entry per approval, newest last' })
    ),
    history: Type.Optional(
      Type.Array(LadderStep, { description: 'who moved it on the ladder, newest last' })
    ),
    summary: Type.Optional(
      Type.Object(
        {
          nodes: Type.Optional(Type.String({ description: 'ready/total, as in 3/3' })),
          syscalls: Type.String({ description: 'approved/observed, as in 48/50' }),
          source: Type.Enum(['Learned', 'Written'], {
            description: 'Learned: from a workload; Written: by hand or imported'
          })
        },
        { ...closed, description: 'what `kubectl get` shows: derived from the rest, never read' }
      )
    ),
    conditions: Type.Optional(
      Type.Array(Condition, {
        description:
          'Ready: every node holds the revision (kubectl wait --for=condition=Ready); the others are in docs/reference/conditions.md'
      })
    )
  },
  { ...closed, description: 'what was observed and how far the revision came; written by the hub' }
)
export type SeccompProfileStatus = Static<typeof SeccompProfileStatus>

export const SeccompProfile = Type.Object(
  {
    apiVersion: Type.Literal(apiVersion),
    kind: Type.Literal('SeccompProfile'),
    metadata: ObjectMeta,
    spec: SeccompProfileSpec,
    status: Type.Optional(SeccompProfileStatus)
  },
  closed
)
export type SeccompProfile = Static<typeof SeccompProfile>
