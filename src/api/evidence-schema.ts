import { type Static, Type } from 'typebox'
import { limits } from './limits.js'

const closed = { additionalProperties: false } as const

/** Returns the schema of a value that an argument is compared with. */
export const operand = (description: string) =>
  Type.Integer({ minimum: 0, maximum: limits.argument, description })

const namesOf = (abi: string) =>
  Type.Optional(
    Type.Array(Type.String({ pattern: '^[a-z0-9_]{1,64}$' }), {
      maxItems: limits.names,
      description: `syscalls of the ${abi} ABI, sorted`
    })
  )
/** A set of syscalls by ABI, with the description of its field. */
export const setOf = (description: string) =>
  Type.Object(
    {
      x86_64: namesOf('x86_64'),
      i386: namesOf('i386'),
      x32: namesOf('x32'),
      aarch64: namesOf('aarch64')
    },
    { ...closed, description }
  )
const bitmaps = Type.String({ description: 'base64 of a bitmap over syscall numbers, bit 0 first' })
const bitmapsOf = (description: string) =>
  Type.Object(
    {
      x86_64: Type.Optional(bitmaps),
      i386: Type.Optional(bitmaps),
      x32: Type.Optional(bitmaps),
      aarch64: Type.Optional(bitmaps)
    },
    { ...closed, description }
  )
export const InstanceEvidence = Type.Object(
  {
    id: Type.String({ description: 'container id and generation, unique on its node' }),
    node: Type.String({ description: 'node that recorded it' }),
    complete: Type.Boolean({ description: 'recorded from its first instruction' }),
    ended: Type.Boolean({ description: 'it has ended' }),
    lastSeen: Type.String({ description: 'last observation, RFC 3339' }),
    firstSeen: Type.Optional(Type.String({ description: 'first observation, RFC 3339' })),
    part: Type.Optional(
      Type.Enum(['entry', 'probe', 'session'], {
        description: "the entry point's processes, exec probes, or sessions on a terminal"
      })
    ),
    image: Type.Optional(Type.String({ description: 'image it ran' })),
    kernel: Type.Optional(Type.String({ description: 'kernel of the node' })),
    runtime: Type.Optional(Type.String({ description: 'container runtime and version' })),
    lost: Type.Optional(Type.Integer({ description: 'events that the recorder lost; normally 0' })),
    denied: Type.Optional(
      Type.Integer({ description: 'number of syscalls that the Secco profile it ran with denied' })
    ),
    events: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'start, serve, reload, probe; stop, killed (SIGKILL), killed SIGNAL (another one), ended (how is not known)'
      })
    ),
    observed: Type.Optional(bitmapsOf('syscalls that this instance used')),
    serving: Type.Optional(
      Type.Object(
        { x86_64: Type.Optional(bitmaps), aarch64: Type.Optional(bitmaps) },
        { ...closed, description: 'syscalls that it used after it was ready, in the native ABI' }
      )
    )
  },
  { ...closed, description: 'what was recorded of one container instance' }
)

/** Calls that were used for the first time at one time. */
export const FirstUse = Type.Object(
  {
    at: Type.String({
      description:
        'RFC 3339, by the clock of the node: in start-up when the instance was first seen'
    }),
    observed: bitmapsOf('syscalls that no instance is known to have used before')
  },
  { ...closed, description: 'syscalls that were used for the first time at one time' }
)

/** Values observed for one argument of one syscall. */
export const LearnedArgument = Type.Object(
  {
    abi: Type.Enum(['x86_64', 'i386', 'x32', 'aarch64'], { description: 'ABI of the syscall' }),
    name: Type.String({ pattern: '^[a-z0-9_]{1,64}$', description: 'syscall' }),
    index: Type.Integer({ minimum: 0, maximum: 5, description: 'which argument, from 0' }),
    values: Type.Array(Type.String({ pattern: '^[0-9]{1,20}$' }), {
      description: 'unsigned decimals, ascending by value'
    }),
    many: Type.Optional(
      Type.Boolean({ description: 'there were more distinct values than are kept' })
    )
  },
  { ...closed, description: 'values observed for one argument of one syscall' }
)
export type LearnedArgument = Static<typeof LearnedArgument>
