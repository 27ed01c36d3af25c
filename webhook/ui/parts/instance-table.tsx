import type { VNode } from 'preact'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { isFailed } from '../../../src/seccomp/review/counted-instances.js'
import { endWord } from '../../../src/history/endings.js'
import { type Run, runsOf } from '../model/instances.js'
import { listPage } from './format.js'
import { Moment } from './marks.js'
import { EmptyPanel } from './panels.js'
import { Pager, type Row, Table } from './table.js'

const perPage = 12

/** Returns how much of an instance was recorded: one that the recorder did not count exactly may be recorded from its start. */
export function recordedText({ complete, lost = 0 }: Pick<Run, 'complete' | 'lost'>): string {
  if (complete) return 'from the first instruction'
  return lost > 0 ? 'not counted exactly' : 'not as a whole'
}

/** The end tells the instances of a node apart. */
const shownEnd = 28
const shortId = (id: string): string => (id.length <= shownEnd ? id : `…${id.slice(1 - shownEnd)}`)

function rowOf(one: Run, heard: string | undefined, now: number): Row {
  return {
    key: one.id,
    cells: [
      <>
        <bdi class="mono" title={one.id} data-copy-text={one.id}>
          {shortId(one.id)}
        </bdi>
        <span class="sub">{one.part ?? 'entry'}</span>
      </>,
      <>
        <bdi>{one.node}</bdi>
        <span class="sub">{one.kernel ?? 'kernel unknown'}</span>
      </>,
      <>
        <bdi>{one.image ?? 'unknown'}</bdi>
        <span class="sub">{one.runtime ?? ''}</span>
      </>,
      <>
        {recordedText(one)}
        {one.records > 1 && (
          <span class="sub">by {one.records} recorders: Secco was restarted</span>
        )}
        {isFailed(one) && <span class="sub bad">failed under its profile: not counted</span>}
      </>,
      (one.events ?? []).map(endWord).join(', ') || '–',
      <Moment at={one.firstSeen} now={now} never="unknown" />,
      <Moment at={heard ?? one.lastSeen} now={now} />
    ]
  }
}

/** The instances that a profile learned from, newest first. */
export function InstanceTable(props: {
  profile: SeccompProfile
  /** When instances that run were last heard of, by id. */
  heard: ReadonlyMap<string, string>
  page: string | undefined
  now: number
}): VNode {
  const { profile, heard, page, now } = props
  const { items, ...place } = listPage(runsOf(profile.status?.instances ?? []), page, perPage)
  if (place.total === 0) {
    const next = 'Instances appear with the first observation.'
    return <EmptyPanel what="No instance is remembered." next={next} />
  }
  return (
    <section class="panel">
      <Table
        caption="Instances"
        note="what was seen, newest first"
        columns={['Instance', 'Node', 'Image', 'Seen', 'Went through', 'First', 'Last']}
        rows={items.map((one) => rowOf(one, heard.get(one.id), now))}
        live="instances"
      />
      <Pager {...place} what="instances" href={(to) => `?instances=${to}`} />
    </section>
  )
}
