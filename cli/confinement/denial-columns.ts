import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import { calledText, isOfDeleted, openWord } from '../../webhook/views/denial-view.js'
import { foreignName } from '../../src/lib/printed-commands.js'
import { age, type Column } from '../lib/output.js'

const stateWords: Readonly<Record<Exclude<DenialView['state'], 'open'>, string>> = {
  allowed: 'allowed, needs a restart',
  closed: 'closed',
  muted: 'muted',
  expected: 'expected',
  own: 'of Secco'
}

/** A hub of an earlier version reports no state. */
function stateText(view: DenialView): string {
  const { state, action, succeeded } = view
  if ((state as string | undefined) === undefined) return '-'
  if (state !== 'open') return stateWords[state]
  const logged = action === 'SCMP_ACT_LOG'
  return openWord({ isOfDeleted: isOfDeleted(view), succeeded, block: view.block, logged })
}

const closedText = ({ closedAt }: DenialView, now: number): string =>
  closedAt === '' ? '-' : age(closedAt, now)

const profileText = ({ profile, deleted }: DenialView): string =>
  deleted === undefined ? profile : `${profile} (deleted)`

/** Returns the columns of a list of denials; muted and closed ones are listed with a column of their own. */
export function denialColumns(
  shown: { muted: boolean; closed: boolean },
  now: number
): Column<DenialView>[] {
  return [
    { title: 'LAST', value: ({ at }) => age(at, now) },
    { title: 'NAMESPACE', value: (view) => view.namespace },
    { title: 'WORKLOAD', value: (view) => view.workload },
    { title: 'CONTAINER', value: (view) => view.containerName || '-', wide: true },
    { title: 'POD', value: (view) => view.pod || '-', wide: true },
    { title: 'NODE', value: (view) => view.node },
    { title: 'SYSCALL', value: calledText },
    { title: 'ARGUMENTS', value: (view) => view.arguments || '-', wide: true },
    { title: 'ANSWER', value: (view) => view.answer },
    { title: 'CALLS', value: (view) => String(view.count) },
    { title: 'PROCESS', value: (view) => foreignName(view.comm) || '-' },
    ...(shown.muted
      ? [{ title: 'MUTED', value: ({ muted }: DenialView) => (muted ? 'yes' : '-') }]
      : []),
    { title: 'STATE', value: stateText, wide: !shown.closed },
    ...(shown.closed
      ? [{ title: 'CLOSED', value: (view: DenialView) => closedText(view, now) }]
      : []),
    { title: 'ABI', value: (view) => view.abi, wide: true },
    { title: 'MODE', value: (view) => view.mode || '-', wide: true },
    { title: 'PROFILE', value: profileText, wide: true },
    { title: 'NEXT', value: (view) => view.hint, wide: true }
  ]
}
