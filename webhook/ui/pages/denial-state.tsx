import type { VNode } from 'preact'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import {
  callsInWords,
  type DenialGroup,
  type DenialView,
  isLogged,
  openCalls,
  openWord
} from '../../views/denial-view.js'
import { type BlockedBy, blockedText, counted, numberText } from '../parts/format.js'
import { ContainerIdMark, Moment, NotedTag } from '../parts/marks.js'

/** Returns why the denial matters, without a command: the buttons are in the next cell. */
function reasonOf({ syscall }: DenialGroup): string {
  const risk = riskOf(syscall)
  return risk === undefined ? 'not approved as it was called' : `${risk.level} risk: ${risk.reason}`
}

/** What is to be done is in the next cell. */
const goneNote = 'nothing can be allowed or muted in it'

/** Returns who decided where that a call stays denied, when and why, from the hint of the denial. */
const decisionIn = (hint: string): string =>
  hint.replace(/^muted /, '').replace(/; to report it again: .*$/s, '')

export interface StateCellProps {
  group: DenialGroup
  /** The decision to block the call, as far as the person may read it. */
  decision: BlockedBy | undefined
  now: number
}

/** The state of a line of denials, and why it is so. */
export function StateCell({ group, decision, now }: StateCellProps): VNode {
  const { state, hint } = group
  if (state === 'expected') return <NotedTag text="explained" note={hint} />
  if (state === 'own') return <NotedTag text="of Secco" note={hint} />
  if (state === 'closed') {
    return (
      <>
        <NotedTag text="closed" tone="ok" shape="yes" note={hint.replace(/^closed: /, '')} />
        <span class="sub">
          since <Moment at={group.closedAt} now={now} />
        </span>
      </>
    )
  }
  if (state === 'muted') return <NotedTag text="muted" shape="yes" note={decisionIn(hint)} />
  if (state === 'allowed')
    return <NotedTag text="allowed, needs a restart" tone="warn" note={hint} />
  return <OpenMark group={group} decision={decision} />
}

/** The state of a denial that waits for a person. */
function OpenMark({ group, decision }: Omit<StateCellProps, 'now'>): VNode {
  const text = openWord(group)
  switch (text) {
    case 'profile deleted':
      return <NotedTag text={text} tone="warn" note={goneNote} />
    case 'another filter is in force': {
      const note = `the call succeeded ${counted(group.succeeded, 'time')} all the same`
      return <NotedTag text={text} tone="bad" note={note} alarming />
    }
    case 'blocked':
      return <NotedTag text={text} tone="bad" shape="x" note={<>{blockedText(decision)}</>} />
    case 'logged':
      return <NotedTag text={text} tone="warn" note="would be denied in enforce" />
    case 'open':
      return <NotedTag text={text} tone="bad" note={reasonOf(group)} />
  }
}

/** Returns how many open calls were denied, and how many only logged: `6 calls denied, 2 logged`. */
export function callsText(denials: readonly DenialView[]): string {
  const logged = openCalls(denials.filter(isLogged))
  const denied = counted(openCalls(denials) - logged, 'call')
  return logged === 0 ? `${denied} denied` : `${denied} denied, ${numberText(logged)} logged`
}

/** The call of a line, with the arguments that decided. */
export function SyscallCell({ group }: { group: DenialGroup }): VNode {
  const { syscall, calls, abi } = group
  const words = callsInWords(syscall, calls)
  return (
    <>
      <span class="mono">{syscall}</span>
      {words !== '' && <span class="sub mono">{words}</span>}
      {abi !== '' && <span class="sub">{abi}</span>}
    </>
  )
}

/** The newest container of a line: by its name and pod, as people know it, where they are known. */
export function ContainerWords({ group }: { group: DenialGroup }): VNode {
  const { container, containerName, pod } = group
  if (containerName === '') return <ContainerIdMark id={container} />
  return (
    <>
      <bdi title={container} data-copy-text={container}>
        {containerName}
      </bdi>
      {pod !== '' && (
        <>
          {' '}
          of pod <bdi>{pod}</bdi>
        </>
      )}
    </>
  )
}
