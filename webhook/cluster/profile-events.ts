import { apiVersion } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { plural } from '../../src/plural.js'
import { sizeOfSet } from '../../src/seccomp/syscall-set.js'
import type { EventText, Regarding } from './events.js'

const readyOf = (profile: SeccompProfile): string | undefined =>
  profile.status?.conditions?.find(({ type }) => type === 'Ready')?.status

/** What to say of a profile that changed: Learned, Approved, Distributed. Pure. */
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
  return { regarding: { apiVersion, kind: 'SeccompProfile', namespace, name, uid }, texts }
}
