import type { VNode } from 'preact'
import { plural } from '../../../src/lib/plural.js'
import { areaOf } from '../../../src/seccomp/data/kernel-areas.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import type { Change } from '../model/proposal.js'
import { Moment, RiskLevel } from './marks.js'
import { EmptyPanel, Panel } from './panels.js'
import { type Row, Table } from './table.js'

const mostYamlLines = 60
const signs = { add: '+', del: '−', no: '×' } as const
const signWords = { add: 'add', del: 'remove', no: 'stays denied unless ticked' } as const

interface Props {
  changes: readonly Change[]
  /** Number of syscalls that are observed and approved. */
  unchanged: number
  /** Number of instances that the profile knows. */
  instances: number
  now: number
}

function Evidence(props: { seen: Change['seen']; instances: number; now: number }): VNode {
  const { seen, instances, now } = props
  if (seen === undefined) {
    return (
      <>
        never observed
        <span class="sub">allowed by an approval</span>
      </>
    )
  }
  return (
    <>
      {seen.count > 0 ? plural(seen.count, 'time') : 'seen'} in {seen.instances} of {instances}{' '}
      instances
      <span class="sub">
        first <Moment at={seen.first} now={now} never="unknown" />
      </span>
    </>
  )
}

function rowOf({ name, sign, included, usual, seen }: Change, instances: number, now: number): Row {
  return {
    key: name,
    attention: sign === 'no' ? 'warn' : '',
    cells: [
      <input
        type="checkbox"
        name={sign === 'del' ? 'deny' : 'allow'}
        data-kind="list"
        value={name}
        form="approve"
        aria-label={`${sign === 'del' ? 'Remove' : 'Include'} ${name}`}
        checked={included}
      />,
      <>
        <span class={`sign ${sign}`} aria-hidden="true">
          {signs[sign]}
        </span>
        <span class="vh">{signWords[sign]}</span>
      </>,
      <>
        <span class="mono">{name}</span>
        <span class="sub">{areaOf(name)}</span>
      </>,
      <RiskLevel risk={riskOf(name)} />,
      <Evidence seen={seen} instances={instances} now={now} />,
      usual ? 'allows it' : 'denies it'
    ]
  }
}

/** The proposed changes, each with a box to tick. */
export function ChangeTable({ changes, unchanged, instances, now }: Props): VNode {
  if (changes.length === 0) {
    const next = `What was observed is what is approved: ${plural(unchanged, 'call')}.`
    return <EmptyPanel what="Nothing changes." next={next} />
  }
  const count = (sign: Change['sign']) => changes.filter((each) => each.sign === sign).length
  const [adds, removes, denied] = [count('add'), count('del'), count('no')]
  const stay = `${plural(denied, 'stays', 'stay')} denied unless you tick ${denied === 1 ? 'it' : 'them'}`
  return (
    <section class="panel">
      <Table
        caption="Observed against approved"
        note={`${adds} to add, ${removes} could go, ${stay}, ${unchanged} unchanged`}
        columns={['Select', 'Change', 'Syscall', 'Risk', 'Evidence', 'RuntimeDefault']}
        rows={changes.map((change) => rowOf(change, instances, now))}
        heading={2}
        footer="What is risky is never ticked for you. Another choice makes another revision with another digest."
      />
    </section>
  )
}

/** The proposed change of the document. */
export function ChangeDocument({ changes }: Pick<Props, 'changes'>): VNode {
  const lines = changes.filter(({ included }) => included).slice(0, mostYamlLines)
  return (
    <Panel id="h-diff" title="The change as YAML" note="spec.seccomp.syscalls" body="">
      <pre class="doc" tabindex={0}>
        {'  names:\n'}
        {lines.length === 0 && '    (unchanged)'}
        {lines.map(({ name, sign }) => (
          <>
            {sign === 'del' ? <del>{`-   - ${name}`}</del> : <ins>{`+   - ${name}`}</ins>}
            {'\n'}
          </>
        ))}
      </pre>
    </Panel>
  )
}
