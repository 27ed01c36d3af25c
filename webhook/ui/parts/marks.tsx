import type { ComponentChildren, VNode } from 'preact'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { type Mode } from '../../../src/api/seccomp-rule.js'
import { newPodsWords, pinOf } from '../../../src/confinement/pin.js'
import { type ConfinementState, stateWords } from '../../../src/confinement/state.js'
import type { ApprovedRevision } from '../model/derived.js'
import type { InventoryItem } from '../model/inventory.js'
import { ageText, shortDigest } from './format.js'
import { Icon, type Shape } from './icons.js'
import { Sentence } from './panels.js'
import type { Content } from './render.js'

const stateShapes: Readonly<Record<ConfinementState, Shape>> = {
  unconfined: 'unconfined',
  'runtime-default': 'default',
  audit: 'audit',
  enforced: 'enforce',
  other: 'drift',
  'not-protectable': 'none',
  starting: 'open'
}

/** The states of a workload's containers, each with how many are in it where they differ. */
export function StateMarks(props: {
  states: readonly { state: ConfinementState; containers: number }[]
}): VNode {
  const { states } = props
  if (states.length === 0) return <span class="muted">none running</span>
  return (
    <ul class="states">
      {states.map(({ state, containers }) => (
        <li>
          <StateMark state={state} />
          {states.length > 1 && ` ${containers}`}
        </li>
      ))}
    </ul>
  )
}

/** The state of a container by shape, word and colour. */
export function StateMark({ state }: { state: ConfinementState }): VNode {
  return (
    <span class={`mode ${state}`}>
      <Icon name={stateShapes[state]} />
      {stateWords[state]}
    </span>
  )
}

/** The mode of a rule or workload. */
export function ModeMark({ mode }: { mode: Mode }): VNode {
  return (
    <span class="mode">
      <Icon name={mode} />
      {mode}
    </span>
  )
}

type Tone = '' | 'ok' | 'warn' | 'bad'

/** A word in a box, with a shape for those who do not see its colour. */
export function Tag(props: {
  text: string
  tone?: Tone | undefined
  shape?: Shape | undefined
}): VNode {
  const { text, tone = '', shape } = props
  return (
    <span class={`tag ${tone}`}>
      {shape !== undefined && <Icon name={shape} />}
      {text}
    </span>
  )
}

/** A tag with a line of explanation under it, in red where `alarming`. */
export function NotedTag(props: {
  text: string
  /** A text is a sentence of Secco's own. */
  note: Content
  tone?: Tone
  shape?: Shape
  alarming?: boolean
}): VNode {
  const { text, note, tone, shape, alarming = false } = props
  return (
    <>
      <Tag text={text} tone={tone} shape={shape} />
      <span class={alarming ? 'sub bad' : 'sub'}>
        <bdi>{typeof note === 'string' ? <Sentence text={note} /> : note}</bdi>
      </span>
    </>
  )
}

/** A digest shortened in the middle. The title and the copied text are the whole digest. */
export function DigestMark(props: { digest: string | undefined; none?: string }): VNode {
  const { digest, none = 'none yet' } = props
  if (digest === undefined || digest === '') return <span class="digest muted">{none}</span>
  return (
    <span class="digest" title={digest} data-copy-text={digest}>
      {shortDigest(digest)}
    </span>
  )
}

/** An id of a container, shortened as runtimes do. The title and the copied text are the whole id. */
export function ContainerIdMark({ id }: { id: string }): VNode {
  return (
    <bdi class="mono" title={id} data-copy-text={id}>
      {id.slice(0, 12)}
    </bdi>
  )
}

/** The newest revision of a profile, and the earlier one that new pods get while the profile is pinned. */
export function NewestMark({ profile }: { profile: SeccompProfile }): VNode {
  const pin = pinOf(profile)
  return (
    <>
      <DigestMark digest={profile.status?.revision} />
      {pin !== undefined && <span class="sub warn">{newPodsWords(pin)}</span>}
    </>
  )
}

/** The digest of what is approved, and whether the hub has yet to render it. */
export function ApprovedMark({ digest, isPending }: ApprovedRevision): VNode {
  return (
    <>
      <DigestMark digest={digest} />
      {isPending && ', not delivered yet'}
    </>
  )
}

/**
 * A fact below the title of a page whose head stays as it was read, which changes all the same: whether what was decided
 * has arrived is nothing that a person decides on.
 */
export function LiveFact({ name, children }: { name: string; children: ComponentChildren }): VNode {
  return (
    <span data-live={name}>
      <span data-key={name}>{children}</span>
    </span>
  )
}

/** A name; one as long as an id is shortened in the middle, with the whole name as its title. */
export function NameMark({ text }: { text: string }): VNode {
  if (text.length <= 40) return <bdi>{text}</bdi>
  return <bdi title={text}>{`${text.slice(0, 24)}…${text.slice(-6)}`}</bdi>
}

/** ` · app`, where a workload names a container of its own. */
export function ContainerMark({ name }: { name: string }): VNode | null {
  if (name === '') return null
  return (
    <>
      {' · '}
      <NameMark text={name} />
    </>
  )
}

/** A time with its zone and age; the text `never` for an unknown time. */
export function Moment(props: { at: string | undefined; now: number; never?: string }): VNode {
  const { at, now, never = 'never' } = props
  const ms = Date.parse(at ?? '')
  if (Number.isNaN(ms)) return <span class="muted">{never}</span>
  const iso = new Date(ms).toISOString()
  const today = iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10)
  return (
    <time datetime={iso} title={iso} class="nowrap">
      {`${today ? '' : `${iso.slice(0, 10)} `}${iso.slice(11, 19)} UTC`}
      <span class="sub">{ageText(now - ms)} ago</span>
    </time>
  )
}

/** Evidence met and missing, one stroke each. */
export function Meter({ met, total }: { met: number; total: number }): VNode {
  return (
    <span class="nowrap">
      <span class="meter" aria-hidden="true">
        {Array.from({ length: total }, (_, at) => (
          <i class={at < met ? 'y' : 'n'} />
        ))}
      </span>
      {met} of {total}
    </span>
  )
}

/** The risk of one syscall: its level, and the reason where there is room. */
export function RiskLevel(props: {
  risk: { level: string; reason: string } | undefined
  brief?: boolean
}): VNode {
  const { risk, brief = false } = props
  if (risk === undefined) return <span class="risk low">none</span>
  return (
    <>
      <span class={`risk ${risk.level === 'high' ? 'high' : 'mid'}`}>
        <Icon name="tri" />
        {risk.level}
      </span>
      {!brief && <span class="sub">{risk.reason}</span>}
    </>
  )
}

/** One line of a list of checks: met or open. */
export function CheckLine(props: {
  word: string
  ok: boolean
  /** What is read aloud where the check is not met. */
  open: 'missing' | 'open'
  value: string
  hint?: string | undefined
}): VNode {
  const { word, ok, open, value, hint } = props
  return (
    <li data-key={word}>
      {ok ? <Icon name="yes" tone="ok" /> : <Icon name="open" tone="warn" />}
      <span>
        {word}
        <span class="vh">{ok ? ': met' : `: ${open}`}</span>
      </span>
      <span class="v">
        <bdi>{value}</bdi>
      </span>
      {hint !== undefined && (
        <span class="hint">
          <Sentence text={hint} />
        </span>
      )}
    </li>
  )
}

/** Returns the revision that was decided and the one in force, which is none where the kernel holds another filter. */
export function revisionsOf({
  state,
  revision,
  wanted
}: Pick<InventoryItem, 'state' | 'revision' | 'wanted'>): [decided: string, inForce: string] {
  const isInForce = state === 'enforced' || state === 'audit'
  return [wanted === '' ? revision : wanted, isInForce ? revision : '']
}

/** Says of a container that neither drifted nor lacks protection how what is in force compares with what was decided. */
function Comparison({ item }: { item: InventoryItem }): VNode {
  const { state, profile, learned } = item
  const [decided, inForce] = revisionsOf(item)
  if (state === 'starting')
    return <NotedTag text="not known yet" shape="open" note="its filter is not read yet" />
  if (decided === '' && profile === '' && learned === '')
    return <NotedTag text="nothing decided" shape="none" note="no rule covers it" />
  // RuntimeDefault is what a container gets that only learns: every other state was decided by nobody.
  if (decided === '' && state !== 'runtime-default')
    return <NotedTag text="nothing decided" shape="none" note="no revision is decided for it" />
  if (decided !== '' && inForce === '') {
    const note = 'the kernel holds another filter, or none'
    return <NotedTag text="not in force" tone="warn" shape="open" note={note} />
  }
  return <Tag text="same" tone="ok" shape="yes" />
}

/** Compares what was decided for a container with what its kernel enforces. */
export function Verdict({ item }: { item: InventoryItem }): VNode {
  const [drift] = item.drift
  if (drift !== undefined)
    return <NotedTag text="drift" tone="bad" shape="drift" note={drift.message} alarming />
  if (item.unprotected !== null) {
    const { message } = item.unprotected
    return <NotedTag text="not protected" tone="bad" shape="unconfined" note={message} alarming />
  }
  if (item.stale) {
    const note = 'keeps its revision until it restarts'
    return <NotedTag text="stale" tone="warn" shape="open" note={note} />
  }
  if (item.ephemeral) {
    const note = 'a person added it: Secco does not learn from it'
    return <NotedTag text="ephemeral" shape="none" note={note} />
  }
  return <Comparison item={item} />
}
