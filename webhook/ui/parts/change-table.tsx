import { atLeast } from '../../../src/seccomp/review/times-seen.js'
import type { VNode } from 'preact'
import { plural } from '../../../src/lib/plural.js'
import { areaOf } from '../../../src/seccomp/data/kernel-areas.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import { isBase } from '../../../src/seccomp/render/base.js'
import { callerTexts, deniedText, fateText } from '../../../src/seccomp/review/denied-calls.js'
import { unblockHref } from '../model/derived.js'
import { type Change, isOfDenial } from '../model/proposal.js'
import { LiveFact, Moment, RiskLevel } from './marks.js'
import { Of } from './forms.js'
import { EmptyPanel, Panel } from './panels.js'
import { type Row, Table } from './table.js'

const mostYamlLines = 60
const signs = {
  add: '+',
  del: '−',
  no: '×',
  denied: '×',
  logged: '×',
  muted: '×',
  allowed: '✓',
  blocked: '×'
} as const
const signWords = {
  add: 'add',
  del: 'remove',
  no: 'stays denied unless ticked',
  denied: 'is denied now, and stays so unless ticked',
  logged: 'audit logged it, and enforce denies it unless ticked',
  muted: 'is muted, and stays denied unless ticked',
  allowed: 'is approved by now',
  blocked: 'is blocked in an emergency, and no approval allows it'
} as const

interface Props {
  changes: readonly Change[]
  /** Number of syscalls that are observed and approved. */
  unchanged: number
  /** Number of instances that the profile knows. */
  instances: number
  now: number
}

function Evidence(props: { change: Change; instances: number; now: number }): VNode {
  const { seen, denied, until, already, isDeniedInPart } = props.change
  const { instances, now } = props
  if (denied !== undefined) {
    return (
      <>
        {fateText(denied)}, <bdi>{deniedText(denied)}</bdi>
        {callerTexts(denied).map((caller) => (
          <span class="sub">
            <bdi>{caller}</bdi>
          </span>
        ))}
        {until !== undefined && <span class="sub">{until}</span>}
        <span class="sub">
          {seen === undefined ? 'never observed' : `observed in ${seen.instances} of ${instances}`}
        </span>
      </>
    )
  }
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
      {seen.count > 0 ? atLeast(seen.count) : 'seen'} in {seen.instances} of {instances} instances
      {already === true && <span class="sub">allowed already by base, families or parents</span>}
      {isDeniedInPart === true && (
        <span class="sub">denied or logged with arguments that have a line of their own</span>
      )}
      <span class="sub">
        first <Moment at={seen.first} now={now} never="unknown" />
      </span>
    </>
  )
}

/** The box that includes a change. No approval allows a denied call while it is blocked in an emergency. */
function Choice({ change }: { change: Change }): VNode {
  const { call, sign, included } = change
  if (sign === 'allowed') {
    return (
      <span class="muted">
        approved
        <Of what={call} />
      </span>
    )
  }
  if (sign === 'blocked') {
    return (
      <a href={unblockHref}>
        blocked
        <Of what={call} />
      </a>
    )
  }
  return (
    <input
      type="checkbox"
      name={sign === 'del' ? 'deny' : 'allow'}
      data-kind="list"
      value={call}
      form="approve"
      aria-label={`${sign === 'del' ? 'Remove' : 'Include'} ${call}`}
      checked={included}
    />
  )
}

/** Whether a review can decide that a call stays denied: it was observed by its name, and the base does not allow it. */
const canStayDenied = ({ name, call, sign, seen }: Change): boolean =>
  seen !== undefined &&
  call === name &&
  !(['del', 'allowed', 'blocked'] as Change['sign'][]).includes(sign) &&
  !isBase(name)

/** The box that decides that a call stays denied. It takes the tick of the one that includes the call (actions.ts). */
function StaysDenied({ change }: { change: Change }): VNode | null {
  if (!canStayDenied(change)) return null
  return (
    <label class="sub">
      <input
        type="checkbox"
        name="deny"
        data-kind="list"
        value={change.call}
        form="approve"
        aria-label={`Keep ${change.call} denied`}
      />{' '}
      keep it denied, and do not ask again
    </label>
  )
}

const signClass = {
  add: 'add',
  del: 'del',
  no: 'no',
  denied: 'no',
  logged: 'no',
  muted: 'no',
  allowed: 'add',
  blocked: 'no'
} as const

function attentionOf(sign: Change['sign']): '' | 'warn' | 'bad' {
  if (sign === 'denied' || sign === 'blocked') return 'bad'
  return sign === 'no' || sign === 'logged' ? 'warn' : ''
}

function rowOf(change: Change, { instances, now }: Omit<Props, 'changes'>): Row {
  const { name, call, sign, usual } = change
  return {
    key: call,
    attention: attentionOf(sign),
    cells: [
      <Choice change={change} />,
      <>
        <span class={`sign ${signClass[sign]}`} aria-hidden="true">
          {signs[sign]}
        </span>
        <span class="vh">{signWords[sign]}</span>
      </>,
      <>
        <span class="mono">{call}</span>
        <span class="sub">{areaOf(name)}</span>
      </>,
      <RiskLevel risk={riskOf(name)} />,
      <>
        <Evidence change={change} instances={instances} now={now} />
        <StaysDenied change={change} />
      </>,
      usual ? 'allows it' : 'denies it'
    ]
  }
}

/** Returns how many of the calls to add change no filter, in words. */
export const alreadyText = (already: number): string =>
  already === 0 ? '' : ` (${already} allowed already by base, families or parents)`

/** Counts the changes. What is about denials follows the hub; nothing of it is ever ticked by itself. */
function CountsNote({ changes, unchanged }: Pick<Props, 'changes' | 'unchanged'>): VNode {
  const count = (sign: Change['sign']) => changes.filter((each) => each.sign === sign).length
  const part = (sign: Change['sign'], one: string, many: string) =>
    count(sign) === 0 ? '' : `${plural(count(sign), one, many)}, `
  const denied = count('no') + count('denied') + count('logged') + count('muted')
  const already = changes.filter((each) => each.sign === 'add' && each.already === true).length
  const stay = `${plural(denied, 'stays', 'stay')} denied unless you tick ${denied === 1 ? 'it' : 'them'}`
  return (
    <>
      <LiveFact name="denied-counts">
        {part('denied', 'call is denied now', 'calls are denied now')}
        {part('logged', 'call was logged by audit', 'calls were logged by audit')}
        {part('muted', 'is muted', 'are muted')}
        {part('blocked', 'is blocked in an emergency', 'are blocked in an emergency')}
        {part('allowed', 'is approved by now', 'are approved by now')}
        {stay}
      </LiveFact>
      , {count('add')} to add{alreadyText(already)}, {count('del')} could go, {unchanged} unchanged
    </>
  )
}

/** The proposed changes, each with a box to tick. */
export function ChangeTable(props: Props): VNode {
  const { changes, unchanged } = props
  if (changes.length === 0) {
    const next = `What was observed is what is approved: ${plural(unchanged, 'call')}.`
    return <EmptyPanel what="Nothing changes." next={next} />
  }
  const ofDenials = changes.filter(isOfDenial)
  const others = changes.filter((one) => !isOfDenial(one))
  return (
    <section class="panel">
      <Table
        caption="Observed against approved"
        note={<CountsNote changes={changes} unchanged={unchanged} />}
        columns={['Select', 'Change', 'Syscall', 'Risk', 'Evidence', 'RuntimeDefault']}
        first={{ live: 'denied', rows: ofDenials.map((change) => rowOf(change, props)) }}
        rows={others.map((change) => rowOf(change, props))}
        heading={2}
        footer="What is risky, denied or logged is never ticked for you. Another choice makes another revision with another digest."
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
        {lines.map(({ call, sign }) => (
          <>
            {sign === 'del' ? <del>{`-   - ${call}`}</del> : <ins>{`+   - ${call}`}</ins>}
            {'\n'}
          </>
        ))}
      </pre>
    </Panel>
  )
}
