import { holdsUpNext } from '../../../src/api/node-condition-reasons.js'
import type { VNode } from 'preact'
import type { NodeProblem } from '../../views/node-problems.js'
import { Sentence } from '../parts/panels.js'
import type { NodeView } from '../../views/view.js'
import { ageText } from '../parts/format.js'
import { NotedTag, Tag } from '../parts/marks.js'

const mostComplaints = 3

const seenText = ({ lastSeen }: NodeView, now: number): string => {
  const ms = Date.parse(lastSeen)
  return `seen ${Number.isNaN(ms) ? 'never' : `${ageText(now - ms)} ago`}`
}

/** Whether a node records. What it reported before it went away is about then. */
export function Recording({ node, now }: { node: NodeView; now: number }): VNode {
  const { hook, record, conditions, tracingUnavailable } = node
  // Another hub, or an earlier process, knew it: this one has no report of it yet.
  if (hook === '' && record === '') return <Tag text="not known" />
  if (hook === '') {
    const off = record === 'off'
    return (
      <NotedTag
        text={off ? 'off' : 'cannot record'}
        tone={off ? '' : 'bad'}
        shape="none"
        note={tracingUnavailable}
      />
    )
  }
  if (!node.connected) {
    const was = node.attached ? 'was recording' : 'was ready'
    return <NotedTag text={`${was}, ${seenText(node, now)}`} note={`${hook}, ${record}`} />
  }
  // Failed conditions are in the column of the state.
  const unproven = conditions.filter(({ status }) => status === 'Unknown')
  return (
    <>
      <NotedTag
        text={node.attached ? 'recording' : 'ready'}
        tone="ok"
        shape="yes"
        note={`${hook}, ${record}`}
      />
      {unproven.map(({ message }) => (
        <span class="sub">
          <bdi>
            <Sentence text={message} />
          </bdi>
        </span>
      ))}
    </>
  )
}

/** Whether a node is connected, and when it was last heard of. */
export function Connection({ node, now }: { node: NodeView; now: number }): VNode {
  return (
    <>
      {node.connected ? (
        <Tag text="connected" tone="ok" shape="yes" />
      ) : (
        <Tag text="away" tone="bad" shape="open" />
      )}
      <span class="sub" title={node.lastSeen}>
        {seenText(node, now)}
      </span>
    </>
  )
}

/** What is wrong with a node, by the definition that Fleet and Doctor have too. */
export function NodeState({ problems }: { problems: readonly NodeProblem[] }): VNode {
  if (problems.length === 0) return <Tag text="no problem" tone="ok" shape="yes" />
  const wrong = problems.filter(({ level }) => level === 'bad')
  // The column before this one has what was lost.
  if (wrong.length === 0) return <Tag text="records lost" tone="warn" shape="open" />
  return (
    <>
      <Tag text="problem" tone="bad" shape="drift" />
      {wrong.slice(0, mostComplaints).map(({ kind, message }) => (
        <span class="sub bad">
          <bdi>
            <Sentence
              text={kind === 'RevisionsHeld' ? `${message}; next: ${holdsUpNext}` : message}
            />
          </bdi>
        </span>
      ))}
    </>
  )
}
