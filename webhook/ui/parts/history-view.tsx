import type { VNode } from 'preact'
import type { HistoryLine } from '../../../src/history/history-lines.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { TrailEntry } from '../../../src/seccomp/review/trail.js'
import { DigestMark, Moment } from './marks.js'
import { Empty } from './panels.js'
import { Table } from './table.js'

const shownDecisions = 20
const shownLines = 40

/** Says why a profile has no decision: its content may come with Secco, or from a document that somebody applied. */
export function NoApproval(props: { profile: SeccompProfile; builtin: boolean }): VNode {
  const { profile, builtin } = props
  if (builtin) return <Empty what="It comes with Secco." next="What is built on it is approved." />
  if (profile.spec.seccomp !== undefined) {
    const next = 'Its content came with a document that somebody applied.'
    return <Empty what="No approval is recorded." next={next} />
  }
  return (
    <Empty
      what="Nobody has approved anything yet."
      next="The first approval makes the first revision."
    />
  )
}

/** The decisions that changed what a profile allows, newest first; without revisions for the overlay. */
export function HistoryPanel(props: {
  trail: readonly TrailEntry[]
  now: number
  /** What is shown before the first decision. */
  none: VNode
  revisions?: boolean
}): VNode {
  const { trail, now, none, revisions = true } = props
  if (trail.length === 0)
    return (
      <section class="panel" aria-labelledby="h-hist">
        <header>
          <h2 id="h-hist">History</h2>
        </header>
        <div class="body">{none}</div>
      </section>
    )
  const more = trail.length - shownDecisions
  const about = revisions ? 'approvals, and emergency blocks of every profile' : 'newest first'
  return (
    <section class="panel">
      <Table
        caption="History"
        note={about}
        columns={['When', 'Who', 'What', 'Reason', ...(revisions ? ['Revision'] : [])]}
        rows={[...trail]
          .reverse()
          .slice(0, shownDecisions)
          .map(({ at, by, what, text, revision }, index) => ({
            key: `${at} ${index}`,
            cells: [
              <Moment at={at} now={now} />,
              <bdi>{by}</bdi>,
              what,
              <bdi class="wrap">{text === '' ? 'none given' : text}</bdi>,
              ...(revisions
                ? [
                    <DigestMark
                      digest={revision}
                      none={what === 'approved' ? 'not rendered yet' : '–'}
                    />
                  ]
                : [])
            ]
          }))}
        footer={more > 0 ? `and ${more} earlier on the page Audit` : undefined}
      />
    </section>
  )
}

/** The newest lines of a workload's history; `secco history` prints all of them. */
export function HistoryLines(props: {
  lines: readonly HistoryLine[]
  profileKey: string
  now: number
}): VNode {
  const { lines, profileKey, now } = props
  if (lines.length === 0)
    return (
      <section class="panel" aria-labelledby="h-hist">
        <header>
          <h2 id="h-hist">History</h2>
        </header>
        <div class="body">
          <Empty
            what="Nothing is recorded yet."
            next="Lines come with the first container and the first decision."
          />
        </div>
      </section>
    )
  const more = lines.length - shownLines
  return (
    <section class="panel">
      <Table
        caption="History"
        note={
          more > 0
            ? `newest first; ${more} earlier lines: secco history ${profileKey}`
            : 'newest first'
        }
        columns={['When', 'What', 'Who', 'Detail']}
        rows={[...lines]
          .reverse()
          .slice(0, shownLines)
          .map(({ at, what, node, by, text }, index) => ({
            key: `${at} ${what} ${index}`,
            cells: [
              <Moment at={at} now={now} />,
              what,
              <bdi>{[by, node].filter((one) => one !== '').join(' on ')}</bdi>,
              <bdi class="wrap">{text}</bdi>
            ]
          }))}
      />
    </section>
  )
}
