import type { VNode } from 'preact'
import { riskWord } from '../../../src/confinement/state.js'
import type { Discovery } from '../../hub/observations/discovery.js'
import { Icon } from './icons.js'
import { workloadHref } from '../model/derived.js'
import type { WorkloadDetail, WorkloadLine } from '../model/workloads.js'
import { numberText } from './format.js'
import { ContainerMark, Meter, NameMark, NewestMark, StateMarks } from './marks.js'
import { type Row, Table } from './table.js'
import { SparkView } from './small-figures.js'

/** The link to a workload, with its container where that has a name of its own. */
export function WorkloadName({ line, href }: { line: WorkloadLine; href: string }): VNode {
  return (
    <>
      <a href={href}>
        <NameMark text={`${line.namespace}/${line.name}`} />
      </a>
      <ContainerMark name={line.container} />
    </>
  )
}

/** A risk by word and shape; the page of the workload explains the number. */
function RiskMark({ risk }: Pick<WorkloadDetail, 'risk'>): VNode {
  if (risk === undefined) return <span class="muted">not rendered</span>
  const word = riskWord(risk.score)
  const level = word === 'medium' ? 'mid' : word
  return (
    <>
      <span class={`risk ${level}`}>
        {level !== 'low' && <Icon name="tri" />}
        {risk.score} {word}
      </span>
      <span class="sub">
        {risk.of === 'observed' && 'if approved: '}
        {risk.fewer} fewer, {risk.beyond} more
      </span>
    </>
  )
}

function rowOf(line: WorkloadDetail, discovery: Discovery): Row {
  const { key, namespace, kind, profile } = line
  const note =
    line.drifted > 0 ? (
      <span class="sub bad">{line.drifted} drifted</span>
    ) : line.unprotected > 0 ? (
      <span class="sub bad">{line.unprotected} not protected</span>
    ) : line.stale > 0 ? (
      <span class="sub warn">{line.stale} stale</span>
    ) : null
  return {
    key,
    attention: line.attention,
    cells: [
      <>
        <WorkloadName line={line} href={workloadHref(key)} />
        <span class="sub">{kind}</span>
      </>,
      <StateMarks states={line.states} />,
      <NewestMark profile={profile} />,
      <>
        {numberText(line.containers)}
        {note}
      </>,
      <Meter met={line.met} total={line.evidence} />,
      <SparkView events={discovery.of(namespace, profile.metadata.name).events} />,
      <>
        {line.observed}
        {line.toReview > 0 && <span class="sub warn">{line.toReview} to review</span>}
      </>,
      line.unseen,
      <RiskMark risk={line.risk} />,
      numberText(line.denials)
    ]
  }
}

const columns = [
  ...['Workload · container', 'State', 'Revision'],
  { title: 'Containers', num: true },
  ...['Evidence', 'Discovery'],
  { title: 'Observed', num: true },
  { title: 'Unseen, 95 %', num: true },
  'Risk, against RuntimeDefault',
  { title: 'Denials', num: true }
]

/** Workloads, one line each. */
export function WorkloadTable(props: {
  lines: readonly WorkloadDetail[]
  note: string
  runtimeDefault: number
  discovery: Discovery
  live: string
}): VNode {
  return (
    <Table
      caption="Workloads"
      note={props.note}
      columns={columns}
      rows={props.lines.map((line) => rowOf(line, props.discovery))}
      live={props.live}
      footer={`Risk is 0 to 100, every point explained on the workload's page. RuntimeDefault scores ${props.runtimeDefault}.`}
    />
  )
}
