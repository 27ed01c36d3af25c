import type { LadderStep } from '../../../src/api/ladder.js'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { plural } from '../../../src/lib/plural.js'
import { sizeOfSet } from '../../../src/syscalls/syscall-set.js'
import type { EventReason } from './event-reasons.js'
import type { EventText, Regarding } from './events.js'

const readyOf = (profile: SeccompProfile): string | undefined =>
  profile.status?.conditions?.find(({ type }) => type === 'Ready')?.status

/** The event reason of each step. An allowed syscall has the event of its approval. */
const stepReasons: Readonly<Partial<Record<LadderStep['action'], EventReason>>> = {
  ...{ promote: 'Promoted', canary: 'CanaryStarted', complete: 'CanaryCompleted' },
  ...{ return: 'CanaryReturned', rollback: 'RolledBack', mute: 'CallMuted' }
}

/** Returns the steps after the last one that was there before; a history drops its oldest steps. */
function newSteps(before: readonly LadderStep[], after: readonly LadderStep[]): LadderStep[] {
  const last = before.at(-1)
  const isLast = ({ at, action, to }: LadderStep): boolean =>
    at === last?.at && action === last.action && to === last.to
  return after.slice(after.findLastIndex(isLast) + 1)
}

/** Returns the event of a step of a ladder. */
function stepText({ action, by, from, to, reason }: LadderStep): EventText | undefined {
  const named = stepReasons[action]
  if (named === undefined) return undefined
  const why = reason === undefined ? '' : `: ${reason}`
  const type = action === 'return' ? 'Warning' : 'Normal'
  return { type, reason: named, action: 'Move', note: `${from} → ${to} by ${by}${why}` }
}

/** Returns the events of a changed profile: Learned, Approved, Distributed, and the steps of its ladder. Pure. */
export function profileEvents(
  before: SeccompProfile | undefined,
  after: SeccompProfile
): { regarding: Regarding; texts: EventText[] } {
  const { namespace = '', name, uid = '' } = after.metadata
  const texts: EventText[] = []
  const add = (reason: EventReason, action: string, note: string): void => {
    texts.push({ type: 'Normal', reason, action, note })
  }
  const learned = sizeOfSet(after.status?.observed ?? {})
  const more = learned - sizeOfSet(before?.status?.observed ?? {})
  if (more > 0)
    add('Learned', 'Learn', `${plural(more, 'new syscall')} observed, ${learned} in total`)
  const approvals = after.status?.approvals ?? []
  const approval = approvals.at(-1)
  if (approval !== undefined && approvals.length > (before?.status?.approvals?.length ?? 0)) {
    const why = approval.reason === undefined ? '' : `: ${approval.reason}`
    add('Approved', 'Approve', `approved by ${approval.by}${why}`)
  }
  const revision = after.status?.revision
  const isNew = readyOf(before ?? after) !== 'True' || before?.status?.revision !== revision
  if (before !== undefined && isNew && readyOf(after) === 'True' && revision !== undefined) {
    const short = revision.slice(0, 'sha256:'.length + 12)
    const { ready = 0 } = after.status?.nodes ?? {}
    add('Distributed', 'Distribute', `revision ${short} is on ${plural(ready, 'node')}`)
  }
  if (before !== undefined) {
    const steps = newSteps(before.status?.history ?? [], after.status?.history ?? [])
    texts.push(...steps.flatMap((step) => stepText(step) ?? []))
  }
  return { regarding: { apiVersion, kind: 'SeccompProfile', namespace, name, uid }, texts }
}
