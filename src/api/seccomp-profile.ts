import { type Static, Type } from 'typebox'
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
    op: Type.Enum([...seccompOperators])
  },
  closed
)
export type SeccompArg = Static<typeof SeccompArg>

export const SeccompSyscall = Type.Object(
  {
    names: Type.Array(Type.String({ pattern: '^[a-z0-9_]{1,64}$' }), {
      minItems: 1,
      description: 'syscall names'
    }),
    action: Type.Enum([...seccompActions]),
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
    defaultAction: Type.Enum([...seccompActions]),
    defaultErrnoRet: Type.Optional(Type.Integer({ minimum: 0, maximum: 4095 })),
    architectures: Type.Optional(Type.Array(Type.Enum([...seccompArchitectures]))),
    syscalls: Type.Optional(Type.Array(SeccompSyscall, { maxItems: 1024 }))
  },
  closed
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
    type: Type.String(),
    status: Type.Enum(['True', 'False', 'Unknown']),
    reason: Type.String(),
    message: Type.String(),
    lastTransitionTime: Type.String(),
    observedGeneration: Type.Optional(Type.Integer())
  },
  closed
)
export type Condition = Static<typeof Condition>

const names = Type.Array(Type.String({ pattern: '^[a-z0-9_]{1,64}$' }))
export const SyscallSetSchema = Type.Object(
  {
    x86_64: Type.Optional(names),
    i386: Type.Optional(names),
    x32: Type.Optional(names),
    aarch64: Type.Optional(names)
  },
  closed
)

export const WorkloadRef = Type.Object(
  {
    kind: Type.String({
      description:
        'Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod, or Container outside Kubernetes'
    }),
    name: Type.String(),
    container: Type.Optional(Type.String())
  },
  closed
)
export type WorkloadRef = Static<typeof WorkloadRef>

/** Who approved what: one entry per approval, newest last. */
export const Approval = Type.Object(
  {
    by: Type.String(),
    at: Type.String(),
    reason: Type.Optional(Type.String()),
    revision: Type.String()
  },
  closed
)

/** What of a container's life goes into `status.observed`, and which arguments are to be filtered. */
export const Learn = Type.Object(
  {
    probes: Type.Optional(
      Type.Boolean({ description: 'include exec probes and scripts; default true' })
    ),
    sessions: Type.Optional(
      Type.Boolean({ description: 'include exec sessions on a terminal; default false' })
    ),
    arguments: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z0-9_]{1,64}$' }), {
        description: 'calls whose learned argument values approval turns into conditions'
      })
    )
  },
  closed
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
      Type.Boolean({ description: 'leave risky calls to people; default true' })
    )
  },
  closed
)

export const SeccompProfileSpec = Type.Object(
  {
    extends: Type.Optional(
      Type.Array(
        Type.String({
          description: 'NAME or NAMESPACE/NAME of a profile whose approved part is added'
        })
      )
    ),
    workload: Type.Optional(WorkloadRef),
    seccomp: Type.Optional(LinuxSeccomp),
    learn: Type.Optional(Learn),
    promote: Type.Optional(Promote)
  },
  closed
)

const bitmaps = Type.String({ description: 'base64 of a bitmap over syscall numbers, bit 0 first' })
export const InstanceEvidence = Type.Object(
  {
    id: Type.String(),
    node: Type.String(),
    complete: Type.Boolean(),
    ended: Type.Boolean(),
    lastSeen: Type.String(),
    firstSeen: Type.Optional(Type.String()),
    part: Type.Optional(Type.Enum(['entry', 'probe', 'session'])),
    image: Type.Optional(Type.String()),
    kernel: Type.Optional(Type.String()),
    runtime: Type.Optional(Type.String()),
    lost: Type.Optional(Type.Integer()),
    events: Type.Optional(
      Type.Array(Type.String(), { description: 'start, serve, reload, stop, probe' })
    ),
    observed: Type.Optional(
      Type.Object(
        {
          x86_64: Type.Optional(bitmaps),
          i386: Type.Optional(bitmaps),
          x32: Type.Optional(bitmaps),
          aarch64: Type.Optional(bitmaps)
        },
        { ...closed, description: 'what this instance used' }
      )
    ),
    serving: Type.Optional(
      Type.Object(
        { x86_64: Type.Optional(bitmaps), aarch64: Type.Optional(bitmaps) },
        { ...closed, description: 'what it used after it was ready, in the native ABI' }
      )
    )
  },
  closed
)

/** Values that one argument of one call was seen with. */
export const LearnedArgument = Type.Object(
  {
    abi: Type.Enum(['x86_64', 'i386', 'x32', 'aarch64']),
    name: Type.String({ pattern: '^[a-z0-9_]{1,64}$' }),
    index: Type.Integer({ minimum: 0, maximum: 5 }),
    values: Type.Array(Type.String({ pattern: '^[0-9]{1,20}$' }), {
      description: 'unsigned decimals, ascending by value'
    }),
    many: Type.Optional(Type.Boolean({ description: 'more distinct values than are kept' }))
  },
  closed
)
export type LearnedArgument = Static<typeof LearnedArgument>

export const SeccompProfileStatus = Type.Object(
  {
    observed: Type.Optional(SyscallSetSchema),
    probes: Type.Optional(SyscallSetSchema),
    sessions: Type.Optional(SyscallSetSchema),
    startup: Type.Optional(SyscallSetSchema),
    serving: Type.Optional(SyscallSetSchema),
    arguments: Type.Optional(Type.Array(LearnedArgument)),
    instances: Type.Optional(Type.Array(InstanceEvidence)),
    lastNew: Type.Optional(
      Type.String({ description: 'when observed grew last, RFC 3339, by the clock of the hub' })
    ),
    revision: Type.Optional(Type.String({ pattern: '^sha256:[0-9a-f]{64}$' })),
    previousRevision: Type.Optional(Type.String({ pattern: '^sha256:[0-9a-f]{64}$' })),
    nodes: Type.Optional(Type.Object({ ready: Type.Integer(), total: Type.Integer() }, closed)),
    approvals: Type.Optional(Type.Array(Approval)),
    conditions: Type.Optional(Type.Array(Condition))
  },
  closed
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
