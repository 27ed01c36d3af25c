import type { Call } from '../model/context.js'
import { type Derived, derivedOf, planOf } from '../model/derived.js'
import type { WorkloadLine } from '../model/workloads.js'
import { listPage, numberText } from '../parts/format.js'
import { Of } from '../parts/forms.js'
import { Meter, StateMark } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyBody } from '../parts/panels.js'
import { Pager, type Row, Table } from '../parts/table.js'
import { WorkloadName } from '../parts/workload-table.js'

const perPage = 50

function rowOf(line: WorkloadLine, derived: Derived): Row {
  const { key, profile, toReview } = line
  const { evidence } = derived.completeness(profile)
  const { adds, beyond } = planOf(profile)
  return {
    key,
    attention: toReview > 0 ? 'warn' : '',
    cells: [
      <>
        <WorkloadName line={line} href={`/review/${key}`} />
        <span class="sub">{line.kind}</span>
      </>,
      <StateMark state={line.state} />,
      <>
        {adds.length} to add
        <span class={beyond.length > 0 ? 'sub warn' : 'sub'}>
          {beyond.length} that RuntimeDefault denies
        </span>
      </>,
      <Meter met={evidence.filter(({ ok }) => ok).length} total={evidence.length} />,
      toReview > 0 ? 'seen since the last approval' : 'nothing is approved yet',
      <a class="btn s" href={`/review/${key}`}>
        Review
        <Of what={line.name} />
      </a>
    ]
  }
}

function render({ ui, query }: Call): View {
  const lines = ui.lines()
  const waiting = lines.filter((line) => line.toReview > 0)
  const first = lines.filter(
    ({ profile, observed }) => profile.spec.seccomp === undefined && observed > 0
  )
  const { items, ...place } = listPage([...waiting, ...first], query['page'], perPage)
  const derived = derivedOf(ui.sources, ui.now())
  return {
    title: 'Review',
    facts: [
      `${numberText(waiting.length)} with new calls`,
      `${numberText(first.length)} never approved`
    ],
    body: (
      <>
        <section class="panel">
          {items.length === 0 ? (
            <EmptyBody
              what="Nothing waits for review."
              next="Calls that were observed and never approved turn up here."
            />
          ) : (
            <>
              <Table
                caption="To review"
                note="new calls of approved workloads first, then those that only learn"
                columns={['Workload · container', 'State', 'Change', 'Evidence', 'Why', 'Action']}
                rows={items.map((line) => rowOf(line, derived))}
                live="reviews"
              />
              <Pager {...place} what="workloads" href={(to) => `/review?page=${to}`} />
            </>
          )}
        </section>
        <CommandPanel texts={['secco diff NAME', 'secco profile approve NAME --reason WHY']} />
      </>
    )
  }
}

export const reviewsPage: Page = {
  path: '/review',
  nav: 'Review',
  count: 'review',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
