import { Losses, type NodeStatus } from '../../../src/api/gen/hub.js'

type Kind = keyof Losses

/** What a satellite counts itself, from zero at each of its starts. The kernel side counts the others, as long as its pins last. */
const ownKinds: readonly Kind[] = ['unidentified', 'missed', 'givenUp']
const kinds = Object.keys(Losses.fromPartial({})) as Kind[]

/** CarriedLosses is what the satellites of one boot of a node lost: that of earlier processes, and of the newest one. */
export interface CarriedLosses {
  boot: string
  /** When the newest process started, RFC 3339; '' where an earlier release does not report it. */
  satellite: string
  earlier: Losses
  newest: Losses
}

interface Process {
  bootId: string
  startedAt?: string | undefined
}

/** Returns what is known of a process that reports no losses: those of the kernel side are as they were. */
function withoutOwn(losses: Losses): Losses {
  const left = Losses.fromPartial(losses)
  for (const kind of ownKinds) left[kind] = 0
  return left
}

/** Returns the losses after a report. @param lost what the process counts since its start; undefined: nothing is reported */
export function carriedLosses(
  before: CarriedLosses | undefined,
  { bootId, startedAt = '' }: Process,
  lost: Losses | undefined
): CarriedLosses {
  const none = Losses.fromPartial({})
  const isSameBoot = before?.boot === bootId
  const newest = lost === undefined ? withoutOwn(isSameBoot ? before.newest : none) : { ...lost }
  const next = { boot: bootId, satellite: startedAt, newest }
  if (!isSameBoot) return { ...next, earlier: none }
  if (before.satellite === startedAt) return lost === undefined ? before : { ...before, newest }
  const earlier = { ...before.earlier }
  for (const kind of kinds) {
    const isReset = ownKinds.includes(kind) || newest[kind] < before.newest[kind]
    if (isReset) earlier[kind] += before.newest[kind]
  }
  return { ...next, earlier }
}

/** Returns the status with everything that was lost since the boot of its node. */
export function withCarried(
  status: NodeStatus | undefined,
  { earlier, newest }: CarriedLosses
): NodeStatus | undefined {
  if (status === undefined || kinds.every((kind) => earlier[kind] === 0)) return status
  const losses = Losses.fromPartial(newest)
  for (const kind of kinds) losses[kind] += earlier[kind]
  return { ...status, losses }
}
