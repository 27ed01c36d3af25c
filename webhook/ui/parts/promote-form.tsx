import type { VNode } from 'preact'
import { modeTexts } from '../../../src/api/seccomp-rule.js'
import { plural } from '../../../src/lib/plural.js'
import { isRisky, type StartRisk, startRiskText } from '../../../src/seccomp/review/start-risk.js'
import { previousRevisionOf } from '../../../src/rules/previous-revision.js'
import { newPodsOf } from '../../../src/seccomp/review/new-pods.js'
import type { FormValues } from '../model/form-commands.js'
import type { WorkloadLine } from '../model/workloads.js'
import { ActionForm, ForceIfAsked, FormError, Hidden, NamedField } from './forms.js'

/** The modes that a person can promote to. */
export type Next = 'audit' | 'enforce'

function ModeField({ next, enforced }: { next: Next; enforced: boolean }): VNode {
  return (
    <div class="field">
      <label for="mode">Next mode</label>
      <select id="mode" name="mode">
        <option value="audit" selected={next === 'audit'}>
          audit
        </option>
        <option value="enforce" selected={next === 'enforce'}>
          enforce{enforced && ': the newest revision'}
        </option>
      </select>
      {(['audit', 'enforce'] as const).map((mode) => (
        <small>
          {mode}: {modeTexts[mode]}
        </small>
      ))}
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
        or on restarts. Running pods stay as they are until they restart.
      </small>
    </div>
  )
}

/**
 * Returns whether a step can begin with a share of new pods. Where enforce is reached, the others would get the revision before:
 * there may be none.
 */
const hasShare = ({ mode, profile }: WorkloadLine): boolean =>
  mode !== 'enforce' || previousRevisionOf(profile.status) !== undefined

/** Returns what the form of the next mode has before anybody fills it in. */
export const promoteValues = (line: WorkloadLine, next: Next): FormValues => ({
  ...{ profile: line.key, mode: next, quietFor: '30m' },
  ...(hasShare(line) ? { canary: 40 } : {})
})

/** The form of the next mode. A dry run needs no reason. */
export function PromoteForm(props: {
  line: WorkloadLine
  next: Next
  /** Why a start under what is approved can fail. */
  risk: StartRisk
}): VNode {
  const { line, next, risk } = props
  const enforced = line.mode === 'enforce'
  const hasOthers = hasShare(line)
  const forced = [
    enforced && 'Also to a less strict mode, from enforce to audit',
    isRisky(risk) && `Enforce nevertheless: ${startRiskText(line.profile, risk)}`
  ]
    .filter((text) => text !== false)
    .join('. ')
  return (
    <ActionForm
      class="stack tight"
      url="/api/v1/promote"
      then="reload"
      label="Promote"
      command="promote"
    >
      <Hidden name="profile" value={line.key} />
      <ModeField next={next} enforced={enforced} />
      {forced !== '' && (
        <label>
          <input type="checkbox" name="force" data-kind="boolean" value="true" /> {forced}
        </label>
      )}
      {hasOthers && (
        <ShareField profile={line.profile.metadata.name} total={Math.max(1, line.containers)} />
      )}
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
        <button
          class="btn s"
          type="submit"
          name="dryRun"
          value="true"
          data-kind="boolean"
          formnovalidate
        >
          Try without doing it
        </button>
      </div>
    </ActionForm>
  )
}

/** The form of the way back. */
export function RollbackForm({ profile }: { profile: string }): VNode {
  return (
    <ActionForm
      class="stack tight"
      url="/api/v1/rollback"
      then="reload"
      label="Roll back"
      command="rollback"
    >
      <Hidden name="profile" value={profile} />
      <NamedField id="back-why" name="reason" label="Roll back: reason" required maxlength={500} />
      <ForceIfAsked />
      <FormError />
      <button class="btn danger" type="submit">
        Roll back
      </button>
    </ActionForm>
  )
}
