import type { VNode } from 'preact'
import type { LadderStep } from '../../../src/api/ladder.js'
import { pinOf, pinWords } from '../../../src/confinement/pin.js'
import { plural } from '../../../src/lib/plural.js'
import { previousRevisionOf } from '../../../src/rules/previous-revision.js'
import { newPodsOf } from '../../../src/seccomp/review/new-pods.js'
import type { WorkloadLine } from '../model/workloads.js'
import { shortDigest } from './format.js'
import { ActionForm, FormError, Hidden, NamedField } from './forms.js'
import { Moment } from './marks.js'
import { Command } from './panels.js'

const mostSteps = 5

const stepWords: Readonly<Record<string, string>> = {
  promote: 'promoted',
  canary: 'canary began',
  complete: 'canary complete',
  return: 'went back by itself',
  rollback: 'rolled back',
  allow: 'call allowed',
  mute: 'denial muted'
}

interface LineProps {
  line: WorkloadLine
  now: number
}

/** The canary that runs: which pods get which mode, and how it ends. */
function CanaryView({ line: { profile }, now }: LineProps): VNode | null {
  const { canary, mode } = profile.spec.ladder ?? {}
  if (canary === undefined) return null
  const { percent, from, startedAt, quietFor } = canary
  const former = from.revision === undefined ? '' : ` ${shortDigest(from.revision)}`
  return (
    <p class="banner" data-canary>
      <b>Canary</b>: {percent} % of new pods get {mode}, the others {from.mode}
      {former}. After {quietFor} without denials and restarts all do; it goes back by itself on a
      denial. Began <Moment at={startedAt} now={now} />
    </p>
  )
}

/** Says which earlier revision new pods get, and how to leave it. */
function PinView({ line: { profile } }: Pick<LineProps, 'line'>): VNode | null {
  const pin = pinOf(profile)
  if (pin === undefined) return null
  return (
    <>
      <p class="banner" data-pin>
        <b>{pin.exception === '' ? 'New pods do not' : 'Not all new pods'} get what is approved</b>:{' '}
        <bdi>{pinWords(pin)}</bdi>. Leave the pin with:
      </p>
      <Command text={pin.leave} />
    </>
  )
}

/** Why the absence of denials completes no canary: a node did not record. */
function UnprovenView({ line: { profile } }: Pick<LineProps, 'line'>): VNode | null {
  const unproven = profile.status?.conditions?.find(({ type }) => type === 'QuietUnproven')
  if (unproven?.status !== 'True') return null
  return (
    <p class="banner" data-unproven>
      <b>A node did not record denials</b>: <bdi>{unproven.message}</bdi>. Record on that node, or
      take the step yourself.
    </p>
  )
}

/** Words for the modes of a step. A decision on one call has them in its reason. */
function modesText({ action, from, to }: LadderStep): string {
  const isOpenAgain = action === 'mute' && to !== 'muted'
  if (action === 'mute' || action === 'allow') return isOpenAgain ? ', shown as open again' : ''
  return from === to ? `: all to ${to}` : `: ${from} → ${to}`
}

/** The last steps on the ladder, newest first. It is a live region even while it is empty. */
function StepList({ line: { profile }, now }: LineProps): VNode {
  const steps = profile.status?.history ?? []
  if (steps.length === 0) return <div data-live="steps" />
  return (
    <div class="body stack tight" data-live="steps">
      <h3>Moves</h3>
      <ul class="list tight" data-key="steps">
        {steps
          .slice(-mostSteps)
          .reverse()
          .map((step) => (
            <li>
              <span>
                <b>{stepWords[step.action] ?? step.action}</b>
                {modesText(step)}{' '}
                <span class="sub">
                  by <bdi>{step.by}</bdi>
                  {step.reason !== undefined && (
                    <>
                      : <bdi>{step.reason}</bdi>
                    </>
                  )}
                </span>
              </span>
              <Moment at={step.at} now={now} />
            </li>
          ))}
      </ul>
    </div>
  )
}

type Next = 'audit' | 'enforce'

function ModeField({ next, enforced }: { next: Next; enforced: boolean }): VNode {
  return (
    <div class="field">
      <label for="mode">Next mode</label>
      <select id="mode" name="mode">
        <option value="audit" selected={next === 'audit'}>
          audit: what would be denied is logged
        </option>
        <option value="enforce" selected={next === 'enforce'}>
          enforce{enforced && ': the newest revision'}
        </option>
      </select>
    </div>
  )
}

function ShareField({ profile, total }: { profile: string; total: number }): VNode {
  return (
    <div class="field">
      <label for="canary">First on a share of new pods, %</label>
      <input
        id="canary"
        name="canary"
        data-kind="number"
        type="range"
        min={5}
        max={100}
        step={5}
        value="40"
        data-total={total}
      />
      <output for="canary" id="canary-out">
        40 %, {Math.ceil(total * 0.4)} of {plural(total, 'container')}
      </output>
      <small>
        A share of the {newPodsOf(profile)}. 100 %: all at once. Else the others follow when there
        were no denials and no restarts for as long as below, and it goes back by itself on a denial
        or on restarts. Running pods keep their filter until they restart.
      </small>
    </div>
  )
}

function PromoteForm({ line, next }: { line: WorkloadLine; next: Next }): VNode {
  const enforced = line.mode === 'enforce'
  return (
    <ActionForm class="stack tight" url="/api/v1/promote" then="reload" label="Promote">
      <Hidden name="profile" value={line.key} />
      <ModeField next={next} enforced={enforced} />
      {enforced && (
        <label>
          <input type="checkbox" name="force" data-kind="boolean" value="true" /> Also to a less
          strict mode, from enforce to audit
        </label>
      )}
      <ShareField profile={line.profile.metadata.name} total={Math.max(1, line.containers)} />
      <div class="field">
        <label for="quiet">No denials for</label>
        <select id="quiet" name="quietFor">
          <option value="10m">10 minutes</option>
          <option value="30m" selected>
            30 minutes
          </option>
          <option value="24h">24 hours</option>
        </select>
      </div>
      <NamedField id="promote-why" name="reason" label="Reason" required maxlength={500} />
      <FormError />
      <div class="row">
        <button class="btn primary" type="submit">
          Promote
        </button>
        <button class="btn s" type="submit" name="dryRun" value="true" data-kind="boolean">
          Try without doing it
        </button>
      </div>
    </ActionForm>
  )
}

function RollbackForm({ profile }: { profile: string }): VNode {
  return (
    <ActionForm class="stack tight" url="/api/v1/rollback" then="reload" label="Roll back">
      <Hidden name="profile" value={profile} />
      <NamedField id="back-why" name="reason" label="Roll back: reason" required maxlength={500} />
      <FormError />
      <button class="btn danger" type="submit">
        Roll back
      </button>
    </ActionForm>
  )
}

/** What a hub without ladders offers: a rule. */
function RuleAdvice(): VNode {
  return (
    <div class="body stack">
      <h3>Next mode</h3>
      <p class="muted">A rule gives the profile to pods: mode audit first, then enforce.</p>
      <p>
        <a class="btn" href="/rules#new">
          Write a rule
        </a>
      </p>
      <Command text="secco rule apply -f rule.yaml" />
    </div>
  )
}

/** The next mode for all new pods or a share of them, the way back, and the steps so far. */
export function PromotePanel(
  props: LineProps & {
    /** Whether the person may change it. */
    may: boolean
    /** Whether this hub moves workloads on their ladder; else only rules do. */
    offered: boolean
  }
): VNode {
  const { line, may, offered, now } = props
  const { key, profile, mode } = line
  if (!offered) return <RuleAdvice />
  const next = mode === 'audit' || mode === 'enforce' ? 'enforce' : 'audit'
  // Back from a canary, a mode or a revision.
  const mayGoBack =
    previousRevisionOf(profile.status) !== undefined || profile.spec.ladder !== undefined
  const promote = `secco promote ${key} ${next} --canary 40% --reason WHY`
  if (profile.spec.seccomp === undefined && !mayGoBack) {
    return (
      <>
        <div class="body stack">
          <h3>Promote</h3>
          <p class="muted">
            Nothing is approved yet, so there is nothing to audit or enforce: approve first.
          </p>
        </div>
        <StepList line={line} now={now} />
      </>
    )
  }
  return (
    <>
      <div class="body stack">
        <h3>Promote</h3>
        <CanaryView line={line} now={now} />
        <PinView line={line} />
        <UnprovenView line={line} />
        {!may && <p class="muted">You may view this profile but not promote it.</p>}
        {may && <PromoteForm line={line} next={next} />}
        {may && mayGoBack && <RollbackForm profile={key} />}
        <Command text={promote} />
        {mayGoBack && <Command text={`secco rollback ${key} --reason WHY`} />}
      </div>
      <StepList line={line} now={now} />
    </>
  )
}
