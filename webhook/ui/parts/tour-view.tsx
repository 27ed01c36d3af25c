import type { VNode } from 'preact'
import { plural } from '../../../src/lib/plural.js'
import { isRecording } from '../../views/node-problems.js'
import type { NodeView } from '../../views/view.js'
import { isOwnWorkload } from '../../hub/status/profile-status.js'
import type { WorkloadLine } from '../model/workloads.js'

/** Returns how many nodes record, and of how many that is not known: a pinned recorder goes on while its satellite is away. */
function recordingText(nodes: readonly NodeView[]): string {
  const recording = nodes.filter(isRecording).length
  const away = nodes.filter(({ connected }) => !connected).length
  const known = plural(recording, 'node records', 'nodes record')
  return away === 0
    ? known
    : `${known}, of ${away} that ${away === 1 ? 'is' : 'are'} away it is not known`
}

/** The loop with the data of this installation, for the first visit. Its button closes it for good (small.ts). */
export function Tour(props: { lines: readonly WorkloadLine[]; nodes: readonly NodeView[] }): VNode {
  const { nodes } = props
  // Secco's own pods are recorded too, but nobody has to approve a profile for them.
  const lines = props.lines.filter(({ profile }) => !isOwnWorkload(profile))
  const learners = lines.filter(({ profile }) => profile.spec.seccomp === undefined)
  const learning = learners.length
  const [first = lines[0]] = learners
  const own =
    first === undefined ? null : (
      <>
        see{' '}
        <a href={`/workloads/${first.key}`}>
          <bdi>{first.name}</bdi>
        </a>
        : its calls, the evidence, and what is missing
      </>
    )
  const steps = [
    first === undefined ? (
      <>
        <b>Learn.</b> Start a container under a filter, or label a pod: it is recorded from its
        first instruction on.
      </>
    ) : (
      <>
        <b>Learn.</b> {recordingText(nodes)}; {learning} of {plural(lines.length, 'workload')}{' '}
        {learning === 1 ? 'is' : 'are'} learning; {own}.
      </>
    ),
    <>
      <b>Review.</b> Nothing is enforced before a person has approved one digest:{' '}
      <a href="/review">what waits</a>.
    </>,
    <>
      <b>Deliver.</b> A pod gets a profile only when <a href="/nodes">every node</a> has its file.
    </>,
    <>
      <b>Enforce.</b> <a href="/rules">Rules</a> pick pods by label; what is denied turns up in{' '}
      <a href="/denials">denials</a>, with the way to allow it.
    </>
  ]
  return (
    <section class="panel tour" data-tour hidden aria-labelledby="h-tour">
      <header>
        <h2 id="h-tour">The loop, in four steps</h2>
        <button class="btn s" type="button" data-tour-end>
          Got it
        </button>
      </header>
      <ol>
        {steps.map((step) => (
          <li>{step}</li>
        ))}
      </ol>
    </section>
  )
}
