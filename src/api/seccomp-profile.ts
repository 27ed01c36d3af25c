import { type Static, Type } from 'typebox'
import { limits } from './limits.js'
import { FirstUse, InstanceEvidence, LearnedArgument, operand, setOf } from './evidence-schema.js'
import { Approval, Learn, ParentRef, Promote, SpecApproval } from './learning-schema.js'
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
    value: operand(
      'value to compare with (unsigned); to match -1, compare the low 32 bits: MASKED_EQ with 4294967295 in both values'
    ),
    valueTwo: Type.Optional(operand('second value, for MASKED_EQ')),
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
        'what the kernel does with these syscalls: ALLOW, ERRNO (deny), LOG (allow and log), KILL_*, TRAP'
    }),
    errnoRet: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 4095,
        description: 'errno that a denied syscall returns'
      })
    ),
    args: Type.Optional(
      Type.Array(SeccompArg, {
        maxItems: 6,
        description: 'conditions that must all hold for the action to apply'
      })
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
        'action for every syscall that no entry of syscalls names; SCMP_ACT_ERRNO in a learned profile'
    }),
    defaultErrnoRet: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 4095,
        description: 'errno of syscalls that the default action denies; default 1 (EPERM)'
      })
    ),
    architectures: Type.Optional(
      Type.Array(Type.Enum([...seccompArchitectures]), {
        maxItems: 16,
        description: 'ABIs that the profile covers; a syscall in any other ABI kills the process'
      })
    ),
    syscalls: Type.Optional(
      Type.Array(SeccompSyscall, {
        maxItems: limits.rules,
        description: 'entries that differ from the default action'
      })
    )
  },
  {
    ...closed,
    description:
      'the approved part, in the form of linux.seccomp of the OCI runtime-spec; ' +
      'rendering adds what a node needs beyond it (runtime, base, families)'
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
    type: Type.String({ description: 'aspect that the condition describes, e.g. Ready' }),
    status: Type.Enum(['True', 'False', 'Unknown'], { description: 'True, False or Unknown' }),
    reason: Type.String({
      description: 'one word for programs; docs/reference/conditions.md lists all reasons'
    }),
    message: Type.String({ description: 'explanation for people, with names and numbers' }),
    lastTransitionTime: Type.String({ description: 'when status last changed, RFC 3339' }),
    observedGeneration: Type.Optional(
      Type.Integer({ description: 'metadata.generation that the condition was computed for' })
    )
  },
  { ...closed, description: 'one aspect of the state, in the form of metav1.Condition' }
)
export type Condition = Static<typeof Condition>

export const ObservedGeneration = Type.Integer({
  description:
    'metadata.generation that the status is about; a smaller one: no hub has seen the newest spec yet'
})

export const WorkloadRef = Type.Object(
  {
    kind: Type.String({
      pattern: '^[A-Z][A-Za-z0-9]{0,62}$',
      description:
        'Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod, or Container outside Kubernetes'
    }),
    name: Type.String({
      maxLength: 253,
      description: 'name of the topmost owner, or of the bare pod'
    }),
    container: Type.Optional(
      Type.String({
        maxLength: 253,
        description: 'name of the container; without it, every container of the pod'
      })
    )
  },
  {
    ...closed,
    description:
      'workload whose containers are learned into this profile; without it nothing is learned'
  }
)
export type WorkloadRef = Static<typeof WorkloadRef>

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
      Type.Array(Mute, { maxItems: 256, description: 'denials that raise no alarm' })
    )
  },
  {
    ...closed,
    description: 'the desired state: where to learn from, what is approved, who may approve more'
  }
)

const digestOf = (description: string) =>
  Type.Optional(Type.String({ pattern: '^sha256:[0-9a-f]{64}$', description }))

export const SeccompProfileStatus = Type.Object(
  {
    observedGeneration: Type.Optional(ObservedGeneration),
    observed: Type.Optional(setOf('every syscall that was observed; only grows')),
    probes: Type.Optional(setOf('syscalls that exec probes and scripts used')),
    sessions: Type.Optional(setOf('syscalls that exec sessions on a terminal used')),
    startup: Type.Optional(setOf('syscalls used before an instance was ready')),
    serving: Type.Optional(setOf('syscalls used after an instance was ready')),
    arguments: Type.Optional(
      Type.Array(LearnedArgument, { description: 'argument values of the watched syscalls' })
    ),
    instances: Type.Optional(
      Type.Array(InstanceEvidence, {
        description: 'the newest instances in which syscalls were observed'
      })
    ),
    firstUsed: Type.Optional(
      Type.Array(FirstUse, {
        description: 'when calls were used for the first time by any instance, oldest first'
      })
    ),
    lastNew: Type.Optional(
      Type.String({ description: 'when observed last grew, RFC 3339, by the clock of the hub' })
    ),
    revision: digestOf(
      'digest of the newest rendering; nodes store it as secco/NAMESPACE/NAME/DIGEST.json'
    ),
    previousRevision: digestOf(
      'what people approved before, rendered without emergency blocks: for rollback and whenNotReady: Previous'
    ),
    approvedRevision: digestOf(
      'digest of what is approved, rendered without emergency blocks; absent until the revision changes: as revision'
    ),
    earlierRevisions: Type.Optional(
      Type.Array(Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }), {
        description:
          'earlier renderings of this profile, newest last: spec.ladder can name these and the others of this status'
      })
    ),
    auditRevision: digestOf('digest of the newest rendering for audit'),
    labelMode: Type.Optional(
      Type.Enum(['audit'], {
        description:
          'audit: new pods with the label secco.dev/profile get the profile in audit while it has no ladder, because a start under ' +
          'what was approved first can fail; absent: in enforce'
      })
    ),
    parents: Type.Optional(
      Type.Array(ParentRef, {
        description:
          'profiles of other namespaces that spec.extends names, as they were when it began to: ' +
          'another one that gets the name of one of them later is not extended'
      })
    ),
    nodes: Type.Optional(
      Type.Object(
        {
          ready: Type.Integer({ description: 'nodes that have the revision, verified' }),
          total: Type.Integer({ description: 'nodes that count' })
        },
        { ...closed, description: 'how many nodes have the revision' }
      )
    ),
    approvals: Type.Optional(
      Type.Array(Approval, { description: 'one entry per approval, newest last' })
    ),
    history: Type.Optional(Type.Array(LadderStep, { description: 'changes of mode, newest last' })),
    summary: Type.Optional(
      Type.Object(
        {
          nodes: Type.Optional(Type.String({ description: 'ready/total, as in 3/3' })),
          syscalls: Type.String({ description: 'approved/observed, as in 48/50' }),
          source: Type.Enum(['Learned', 'Written'], {
            description: 'Learned: from a workload; Written: by hand or imported'
          })
        },
        {
          ...closed,
          description: 'what `kubectl get` shows: derived from the other fields, never read'
        }
      )
    ),
    conditions: Type.Optional(
      Type.Array(Condition, {
        description:
          'Ready: every node has the revision, every webhook replica serves it (kubectl wait --for=condition=Ready); ' +
          'docs/reference/conditions.md lists the other types'
      })
    )
  },
  {
    ...closed,
    description: 'what was observed and how many nodes have the revision; written by the hub'
  }
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
