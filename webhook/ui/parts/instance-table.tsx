import type { VNode } from 'preact'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { listPage } from './format.js'
import { Moment } from './marks.js'
import { EmptyPanel } from './panels.js'
import { Pager, type Row, Table } from './table.js'

const perPage = 12

type Instance = NonNullable<NonNullable<SeccompProfile['status']>['instances']>[number]

function rowOf(one: Instance, now: number): Row {
  return {
    key: one.id,
    cells: [
      <>
        <bdi class="mono">{one.id.slice(-28)}</bdi>
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
      one.complete ? 'from the first instruction' : 'from later on',
      (one.events ?? []).join(', ') || '–',
      <Moment at={one.firstSeen} now={now} never="unknown" />,
      <Moment at={one.lastSeen} now={now} />
    ]
  }
}

/** The instances that a profile learned from, newest first. */
export function InstanceTable(props: {
  profile: SeccompProfile
  page: string | undefined
  now: number
}): VNode {
  const { profile, page, now } = props
  const { items, ...place } = listPage(profile.status?.instances ?? [], page, perPage)
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
        rows={items.map((one) => rowOf(one, now))}
        live="instances"
      />
      <Pager {...place} what="instances" href={(to) => `?instances=${to}`} />
    </section>
  )
}
