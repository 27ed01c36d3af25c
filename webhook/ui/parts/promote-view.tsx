import type { VNode } from 'preact'
import type { LadderStep } from '../../../src/api/ladder.js'
import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { modes } from '../../../src/api/seccomp-rule.js'
import { pinOf, pinWords } from '../../../src/confinement/pin.js'
import { isOutside, isRisky, type StartRisk } from '../../../src/seccomp/review/start-risk.js'
import { containerFileOf, newContainerText } from '../../../src/seccomp/review/new-pods.js'
import { previousRevisionOf } from '../../../src/rules/previous-revision.js'
import { type Assignment, labelPairs } from '../../confinement/ladder/assignment.js'
import { givenTexts, inForceMark, inForceText } from '../../confinement/ladder/assignment-words.js'
import type { WorkloadLine } from '../model/workloads.js'
import { plainTimes } from '../model/plain-times.js'
import { shortDigest } from './format.js'
import { Icon } from './icons.js'
import { Moment } from './marks.js'
import { Command, FormCommand, Sentence } from './panels.js'
import { PromoteForm, promoteValues, RollbackForm } from './promote-form.js'

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
  if (isOutside(profile)) return <OutsideCanary profile={profile} mode={mode} percent={percent} />
  const former = from.revision === undefined ? '' : ` ${shortDigest(from.revision)}`
  return (
    <p class="banner" data-canary>
      <b>Canary</b>: {percent} % of new pods get {mode}, the others {from.mode}
      {former}. After {quietFor} without denials and restarts all do; it goes back by itself on a
      denial. Began <Moment at={startedAt} now={now} />
    </p>
  )
}

/** A canary where no pods are: nothing decides which new containers are in its share. */
function OutsideCanary({
  profile,
  mode,
  percent
}: {
  profile: SeccompProfile
  mode: string | undefined
  percent: number
}): VNode {
  const { namespace = rootNamespace, name } = profile.metadata
  return (
    <p class="banner" data-canary>
      <b>Canary</b>: {percent} % in {mode}. Outside Kubernetes nothing assigns a profile, so whoever
      creates a container chooses its share:{' '}
      <Sentence text={newContainerText({ namespace, name }, containerFileOf(profile, undefined))} />
      .
    </p>
  )
}

/** Says which earlier revision new pods get, and how to leave it. */
function PinView({ profile, risk }: { profile: SeccompProfile; risk: StartRisk }): VNode | null {
  const pin = pinOf(profile, () => risk)
  if (pin === undefined) return null
  return (
    <>
      <p class="banner" data-pin>
        <b>{pin.exception === '' ? 'New pods do not' : 'Not all new pods'} get what is approved</b>:{' '}
        <bdi>{plainTimes(pinWords(pin))}</bdi>. Leave the pin with:
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
      <b>A node did not record denials</b>:{' '}
      <bdi>
        <Sentence text={unproven.message} />
      </bdi>
      . Record on that node, or take the step yourself.
    </p>
  )
}

/** Words for the modes of a step. A decision on one call has them in its reason. */
function modesText({ action, from, to }: LadderStep): string {
  const isOpenAgain = action === 'mute' && to !== 'muted'
  if (action === 'mute' || action === 'allow') return isOpenAgain ? ', shown as open again' : ''
  return from === to ? `: all to ${to}` : `: ${from} → ${to}`
}

/**
 * The modes in their order: past ones solid, later ones dotted, the present one framed, with the number of running
 * containers that have its revision in the kernel.
 * @param props.live it is no part of a live region, and is one itself
 */
export function Ladder({
  line,
  assignment,
  live
}: Pick<LineProps, 'line'> & { assignment: Assignment | undefined; live?: boolean }): VNode {
  const present = line.mode === undefined ? -1 : modes.indexOf(line.mode)
  const inForce = inForceMark(assignment)
  return (
    <ol class="ladder" aria-label="Mode" data-live={live === true ? 'mode' : undefined}>
      {modes.map((step, at) => (
        <li
          class={at < present ? 'done' : at === present ? 'now' : ''}
          aria-current={at === present ? 'step' : undefined}
        >
          <span>
            <Icon name={step} />
            {step}
            {at === present && inForce !== '' && <small data-in-force>{inForce}</small>}
          </span>
        </li>
      ))}
    </ol>
  )
}

/** Where the profile is in force, and what gives it to new pods; without a rule or label, how to make one. */
function AssignmentView({
  line,
  assignment
}: Pick<LineProps, 'line'> & { assignment: Assignment }): VNode {
  const { command, labels } = assignment
  const { namespace, name } = line.profile.metadata
  const fields = new URLSearchParams({
    ...{ profile: name, name, namespace: namespace ?? rootNamespace },
    mode: / --mode (\w+)/.exec(command)?.[1] ?? 'enforce',
    labels: labelPairs(labels)
  })
  return (
    <div data-assignment>
      <p>{inForceText(assignment)}</p>
      <ul class="list tight">
        {givenTexts(assignment).map((text) => (
          <li>
            <bdi>
              <Sentence text={text} />
            </bdi>
          </li>
        ))}
      </ul>
      {command !== '' && (
        <>
          <p>
            <a class="btn s" href={`/rules?${fields}#new`}>
              Make a rule
            </a>
          </p>
          <Command text={command} />
        </>
      )}
    </div>
  )
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
    /** Undefined where no hub follows the containers. */
    assignment: Assignment | undefined
    /** Why a start under what is approved can fail. */
    risk: StartRisk
  }
): VNode {
  const { line, may, offered, assignment, now, risk } = props
  const { key, profile, mode } = line
  if (!offered) return <RuleAdvice />
  const next = mode === 'audit' || mode === 'enforce' ? 'enforce' : 'audit'
  // Back from a canary, a mode or a revision.
  const mayGoBack =
    previousRevisionOf(profile.status) !== undefined || profile.spec.ladder !== undefined
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
        <div class="stack" data-live="in-force">
          {assignment !== undefined && <AssignmentView line={line} assignment={assignment} />}
          <CanaryView line={line} now={now} />
          <PinView profile={profile} risk={risk} />
          <UnprovenView line={line} />
        </div>
        {!may && <p class="muted">You may view this profile but not promote it.</p>}
        {may && <PromoteForm {...{ line, next, risk }} />}
        {may && mayGoBack && <RollbackForm profile={key} />}
        <FormCommand
          kind="promote"
          of="promote"
          known={{ isRisky: isRisky(risk) }}
          values={promoteValues(line, next)}
        />
        {mayGoBack && <FormCommand kind="rollback" of="rollback" values={{ profile: key }} />}
      </div>
      <StepList line={line} now={now} />
    </>
  )
}
