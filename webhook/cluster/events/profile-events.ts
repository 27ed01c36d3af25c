import type { LadderStep } from '../../../src/api/ladder.js'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { plural } from '../../../src/lib/plural.js'
import { sizeOfSet } from '../../../src/syscalls/syscall-set.js'
import type { EventText, Regarding } from './events.js'

const readyOf = (profile: SeccompProfile): string | undefined =>
  profile.status?.conditions?.find(({ type }) => type === 'Ready')?.status

/** A call that is allowed is told as the approval that it is. */
const stepReasons: Readonly<Partial<Record<LadderStep['action'], string>>> = {
  ...{ promote: 'Promoted', canary: 'CanaryStarted', complete: 'CanaryCompleted' },
  ...{ return: 'CanaryReturned', rollback: 'RolledBack', mute: 'CallMuted' }
}

/** Steps behind the last one that was there before: a history forgets its oldest. */
function newSteps(before: readonly LadderStep[], after: readonly LadderStep[]): LadderStep[] {
  const last = before.at(-1)
  const isLast = ({ at, action, to }: LadderStep): boolean =>
    at === last?.at && action === last.action && to === last.to
  return after.slice(after.findLastIndex(isLast) + 1)
}

/** Who moved a workload on its ladder, in words. */
function stepText({ action, by, from, to, reason }: LadderStep): EventText | undefined {
  const named = stepReasons[action]
  if (named === undefined) return undefined
  const why = reason === undefined ? '' : `: ${reason}`
  const type = action === 'return' ? 'Warning' : 'Normal'
  return { type, reason: named, action: 'Move', note: `${from} → ${to} by ${by}${why}` }
}

/** What to say of a profile that changed: Learned, Approved, Distributed, and its moves on the ladder. Pure. */
export function profileEvents(
  before: SeccompProfile | undefined,
  after: SeccompProfile
): { regarding: Regarding; texts: EventText[] } {
  const { namespace = '', name, uid = '' } = after.metadata
  const texts: EventText[] = []
  const add = (reason: string, action: string, note: string): void => {
    texts.push({ type: 'Normal', reason, action, note })
  }
  const learned = sizeOfSet(after.status?.observed ?? {})
  const more = learned - sizeOfSet(before?.status?.observed ?? {})
  if (more > 0)
    add('Learned', 'Learn', `${plural(more, 'new syscall')} observed, ${learned} in all`)
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
