import { atLeast } from '../../../src/seccomp/review/times-seen.js'
import type { VNode } from 'preact'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { plural } from '../../../src/lib/plural.js'
import { runtimeDefaultRules } from '../../../src/seccomp/policy/runtime-default.js'
import { reasonLine } from '../../../src/seccomp/policy/why.js'
import { decideCalls } from '../../../src/seccomp/review/decide-calls.js'
import { sightingsOf } from '../../../src/seccomp/render/observed-by.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import { quoted } from '../../../src/lib/shell-word.js'
import { decisionToBlock } from '../../../src/seccomp/render/block.js'
import { isBlocked } from '../../../src/seccomp/render/emergency.js'
import { calledText, callsInWords, type DenialView } from '../../views/denial-view.js'
import { keyOf } from '../model/derived.js'
import type { Cell } from '../model/grid.js'
import { plainTimes } from '../model/plain-times.js'
import { ActionForm, ForceIfAsked, FormError, Hidden, NamedField } from './forms.js'
import { blockedText } from './format.js'
import { ContainerIdMark, Moment, Tag } from './marks.js'
import { Command, FormCommand, Sentence } from './panels.js'

interface Props {
  profile: SeccompProfile
  cell: Cell | undefined
  abi: string
  /** Of this profile, newest last. */
  denials: readonly DenialView[]
  mayDecide: boolean
  /** The emergency overlay, as far as the person may read it. */
  overlay: SeccompProfile | undefined
  now: number
}

type Shown = Props & { cell: Cell }

function Tags({ cell, overlay }: Shown): VNode {
  const { allowed, observed, denied, risk, count } = cell
  const approved = cell.conditional ? 'approved with conditions' : 'approved'
  return (
    <p class="row">
      {cell.isNew && !isBlocked(cell.name, overlay) && <Tag text="+ not approved" tone="warn" />}
      {allowed && <Tag text={approved} tone="ok" shape="yes" />}
      {observed && <Tag text={count > 0 ? `observed ${atLeast(count)}` : 'observed'} />}
      {denied > 0 && (
        <Tag text={`× denied ${plural(denied, 'time')}`} tone={cell.expected ? '' : 'bad'} />
      )}
      {!observed && !allowed && denied === 0 && <Tag text="not allowed, never asked" />}
      <Tag
        text={risk === undefined ? 'no particular risk' : `${risk.level} risk`}
        tone={risk?.level === 'high' ? 'warn' : ''}
      />
    </p>
  )
}

function lastDenialOf({ denials, cell }: Shown): DenialView | undefined {
  return denials.findLast(({ syscall }) => syscall === cell.name)
}

function Who(shown: Shown): VNode {
  const { profile, cell } = shown
  const seen = sightingsOf(profile).get(cell.name)
  if (seen !== undefined) {
    const all = (profile.status?.instances ?? []).length
    return (
      <>
        {seen.instances === 0
          ? 'an instance that is forgotten'
          : `${seen.instances} of ${all} instances`}
        {seen.nodes.length > 0 && (
          <>
            {' '}
            on <bdi>{seen.nodes.join(', ')}</bdi>
          </>
        )}
        , through {seen.abis.join(', ')}
      </>
    )
  }
  const last = lastDenialOf(shown)
  if (last === undefined) return <>nobody asked</>
  return (
    <>
      <bdi>{last.comm === '' ? 'unknown' : last.comm}</bdi> in{' '}
      <ContainerIdMark id={last.container} /> on <bdi>{last.node}</bdi>
    </>
  )
}

function When(shown: Shown): VNode {
  const { profile, cell, now } = shown
  const seen = sightingsOf(profile).get(cell.name)
  if (seen === undefined) return <Moment at={lastDenialOf(shown)?.lastSeen} now={now} />
  return (
    <>
      first <Moment at={seen.first} now={now} never="unknown" /> last{' '}
      <Moment at={seen.last} now={now} never="unknown" />
    </>
  )
}

/** The arguments with which the call was denied. */
function DeniedAs({ denials, cell }: Shown): VNode | null {
  const own = denials.filter(({ syscall, state }) => syscall === cell.name && state !== 'closed')
  const words = callsInWords(cell.name, [...new Set(own.toReversed().map(calledText))])
  if (words === '') return null
  return (
    <>
      <dt>Denied</dt>
      <dd class="mono">{words}</dd>
    </>
  )
}

const floor = runtimeDefaultRules()

/** Returns what each mode does with a call that no rule of the profile names. */
function unnamedText({ spec }: SeccompProfile, name: string): string {
  const { defaultAction = 'SCMP_ACT_ERRNO' } = spec.seccomp ?? {}
  const enforce = `enforce denies it${defaultAction === 'SCMP_ACT_ERRNO' ? ' with EPERM' : ''}`
  const limits = floor.get(name)
  if (limits === undefined)
    return `No rule names it: audit denies it, because RuntimeDefault does; ${enforce}.`
  const isWhole = limits.length === 0
  const audit = isWhole
    ? 'audit logs it'
    : 'audit logs it with the arguments that RuntimeDefault allows, and denies it with others'
  return `No rule names it: ${audit}; ${enforce}.`
}

function Why({ profile, cell }: Shown): VNode {
  if (cell.reasons.length > 0) {
    return (
      <ul>
        {cell.reasons.map((reason) => (
          <li>
            <bdi>{plainTimes(reasonLine(reason))}</bdi>
          </li>
        ))}
      </ul>
    )
  }
  if (profile.spec.seccomp === undefined)
    return <>Nothing is approved yet; in learn only RuntimeDefault denies.</>
  return <>{unnamedText(profile, cell.name)}</>
}

/** What `secco block` takes to unblock a call that no profile can allow now; undefined for other calls. */
function blockOf({ cell, denials, overlay }: Shown): string | undefined {
  if (cell.allowed) return undefined
  if (isBlocked(cell.name, overlay)) return cell.name
  return denials.findLast(({ syscall, block }) => syscall === cell.name && block !== undefined)
    ?.block
}

/**
 * Returns why no decision in this profile changes the call, by trying it; undefined where one does. Base, and what the
 * profile is built on, allow calls whatever its own rules say.
 */
function whyFixed({ profile, cell: { name, allowed } }: Shown): string | undefined {
  const names = [name]
  const decision = { allow: allowed ? [] : names, deny: allowed ? names : [] }
  try {
    const after = decideCalls(profile, { by: '', at: '', reason: '', ...decision })
    if (after !== profile) return undefined
    return `${name}: no rule of this profile names it, it comes with what the profile is built on or with an equal call`
  } catch (error) {
    return toSeccoError(error).message
  }
}

function DecideForm(shown: Shown): VNode | null {
  const { profile, cell, mayDecide, overlay } = shown
  const { name, allowed } = cell
  const block = blockOf(shown)
  if (block !== undefined) {
    return (
      <p>
        <Tag text="blocked in an emergency" tone="bad" shape="x" />{' '}
        <bdi>{blockedText(overlay && decisionToBlock(overlay, block, name))}</bdi>: no profile
        allows it until it is unblocked on the page <a href="/emergency#h-now">Emergency</a>.
      </p>
    )
  }
  const fixed = whyFixed(shown)
  if (fixed !== undefined) {
    return (
      <p class="muted small">
        It cannot be {allowed ? 'denied' : 'allowed'} here.{' '}
        <bdi>
          <Sentence text={fixed} />
        </bdi>
        .
      </p>
    )
  }
  if (!mayDecide) return null
  return (
    <ActionForm
      class="stack tight actions"
      url={`/api/v1/profiles/${keyOf(profile)}/calls`}
      then="reload"
      command="calls"
    >
      <Hidden name={allowed ? 'deny' : 'allow'} kind="list" value={name} />
      <NamedField
        id="call-why"
        name="reason"
        label="Reason"
        required
        maxlength={200}
        placeholder="why"
      />
      <ForceIfAsked />
      <FormError />
      <button class={`btn ${allowed ? 'danger' : 'primary'}`} type="submit">
        {allowed ? 'Deny' : 'Allow'} {name}
      </button>
    </ActionForm>
  )
}

function NoCall(): VNode {
  return (
    <section class="panel call" id="call" data-key="call" tabindex={-1} aria-live="polite">
      <header>
        <h2>One syscall</h2>
      </header>
      <div class="body">
        <p class="muted">
          Choose a square of the grid: who asked for it, when, and why it is allowed or not.
        </p>
      </div>
    </section>
  )
}

/** The command that decides about the call; nothing where it would be rejected. */
function DecideCommand(shown: Shown): VNode | null {
  const { profile, cell } = shown
  const block = blockOf(shown)
  if (block === '') return <Command text="secco block" />
  if (block !== undefined)
    return <Command text={`secco block ${quoted(block)} --remove --reason WHY`} />
  if (whyFixed(shown) !== undefined) return null
  const values = { [cell.allowed ? 'deny' : 'allow']: [cell.name] }
  return <FormCommand kind="calls" of="calls" known={{ profile: keyOf(profile) }} values={values} />
}

/** Who asks for a syscall, when, why it is treated as it is, and the way to change it. */
export function CallPanel(props: Props): VNode {
  const { cell, abi } = props
  if (cell === undefined) return <NoCall />
  const shown = { ...props, cell }
  return (
    <section
      class="panel call"
      id="call"
      data-key="call"
      tabindex={-1}
      aria-labelledby="call-name"
      aria-live="polite"
    >
      <header>
        <h2 id="call-name">{cell.name}</h2>
        <p>
          number {cell.number}, {abi}
        </p>
      </header>
      <div class="body stack">
        <Tags {...shown} />
        {cell.risk !== undefined && <p>{cell.risk.reason}</p>}
        <dl>
          <DeniedAs {...shown} />
          <dt>Who</dt>
          <dd>
            <Who {...shown} />
          </dd>
          <dt>When</dt>
          <dd>
            <When {...shown} />
          </dd>
          <dt>Why</dt>
          <dd>
            <Why {...shown} />
          </dd>
        </dl>
        <DecideForm {...shown} />
        <DecideCommand {...shown} />
      </div>
    </section>
  )
}
