import type { VNode } from 'preact'
import type { StartObstacle } from '../../../src/confinement/start-gate.js'
import { isApprovalStale } from '../../../src/seccomp/policy/approval.js'
import type { Review } from '../../../src/seccomp/review/review.js'
import type { Ui } from '../model/context.js'
import { workloadHref } from '../model/derived.js'
import type { Change, Proposal } from '../model/proposal.js'
import type { WorkloadLine } from '../model/workloads.js'
import { shortDigest } from '../parts/format.js'
import { ForceRiskyStart } from '../parts/evidence-view.js'
import { ActionForm, FormError } from '../parts/forms.js'
import { Icon } from '../parts/icons.js'

/** Everything that the panels of one review show. */
export interface Shown {
  ui: Ui
  line: WorkloadLine
  review: Review
  changes: readonly Change[]
  approved: ReadonlySet<string>
  observed: ReadonlySet<string>
  proposal: Proposal
  /** What the review shows, for the check of an approval. */
  seen: string
  may: boolean
  /** Why the proposal has to be forced; undefined: it does not. */
  obstacle: StartObstacle | undefined
}

export const metOf = ({ evidence }: Review) => evidence.filter(({ ok }) => ok).length

/** Returns the sentence for a review in which nothing is ticked. */
function nothingText({ changes, observed }: Shown): string {
  if (changes.length > 0) return 'Nothing to approve: tick a change first.'
  return observed.size > 0
    ? 'Nothing to approve: everything that was observed is approved.'
    : 'Nothing to approve: no syscall was observed yet.'
}

/** The button, and why it is disabled. The browser follows the boxes (actions.ts). */
function ApproveButton({ shown }: { shown: Shown }): VNode {
  const { changes, proposal } = shown
  const { spec } = shown.line.profile
  // Both need no tick: an approval that is stale, and one of parents alone.
  const isFirst = spec.extends !== undefined && spec.approval === undefined
  const needsTick = !isApprovalStale(spec) && !isFirst
  const disabled = needsTick && !changes.some(({ included }) => included)
  const digest = proposal.digest === '' ? '' : `sha256:${shortDigest(proposal.digest)}`
  return (
    <>
      <button
        class="btn primary wide"
        type="submit"
        disabled={disabled}
        aria-describedby={needsTick ? 'nothing' : undefined}
      >
        Approve <span data-digest>{digest}</span>
      </button>
      {needsTick && (
        <p id="nothing" class="small muted" hidden={!disabled} data-nothing-ticked>
          {nothingText(shown)}
        </p>
      )}
    </>
  )
}

/** The form that approves what the review shows. What a person typed stays after an error. */
export function ApproveForm(shown: Shown): VNode {
  const { line, review, proposal, seen, may } = shown
  if (!may) {
    return (
      <div class="body">
        <p class="muted">
          You may view this profile but not approve it: you lack the right to approve.
        </p>
      </div>
    )
  }
  const { digest } = proposal
  const [met, all] = [metOf(review), review.evidence.length]
  return (
    <ActionForm
      id="approve"
      class="body stack"
      url={`/api/v1/profiles/${line.key}/approve`}
      then="reload"
      label="Approve"
      command="approve"
    >
      <input type="hidden" name="expect" value={digest} data-expect />
      <input type="hidden" name="seen" value={seen} data-seen />
      <div class="field">
        <label for="why">Reason</label>
        <textarea
          id="why"
          name="reason"
          rows={3}
          required
          maxlength={1000}
          aria-describedby="why-h"
        />
        <small id="why-h">kept with the approval, in the audit log</small>
      </div>
      {met < all && (
        <p class="small warn">
          <Icon name="open" /> Evidence is {met} of {all}: what is missing is on the{' '}
          <a href={workloadHref(line.key)}>workload's page</a>.
        </p>
      )}
      <ForceRiskyStart obstacle={shown.obstacle} />
      <FormError />
      <button class="btn" type="button" data-newer hidden>
        Show the newer list
      </button>
      <ApproveButton shown={shown} />
    </ActionForm>
  )
}
