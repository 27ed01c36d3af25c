import { mutants } from '../mutant.js'

const review = 'webhook/admission/review'
const policy = 'e2e/final-state'

export const admission = mutants('admission', [
  [
    'stale-assignment',
    'A copied annotation of a decision is removed from a pod that Secco does not decide about.',
    'webhook/admission/patch.ts',
    'return onPod ? removeStaleAssignment(facts) : []',
    'return []',
    'webhook/admission/patch'
  ],
  [
    'annotation-json-pointer',
    'Names with / are escaped in the paths of a patch.',
    'webhook/admission/patch.ts',
    ".replaceAll('/', '~1')",
    '',
    'webhook/admission/patch'
  ],
  [
    'cached-answer-has-own-uid',
    'A remembered answer carries the uid of the review that it answers.',
    'webhook/admission/review-cache.ts',
    'answer: before + uid + after',
    'answer: before + admission.request.uid + after',
    'webhook/admission/review-cache'
  ],
  [
    'cache-and-canary',
    'While a canary runs every pod is decided by its own number.',
    'webhook/admission/review-cache.ts',
    'text.suspicious || snapshot.canaries ||',
    'text.suspicious ||',
    'webhook/admission/review-cache'
  ],
  [
    'cache-and-new-snapshot',
    'A change of rules applies to the next review.',
    'webhook/admission/review-cache.ts',
    'remembered = new Map()\n        of = snapshot',
    'of = snapshot',
    'webhook/admission/review-cache'
  ],
  [
    'second-uid',
    'A text in which a second uid could count is not remembered.',
    'webhook/admission/review-cache.ts',
    ' && !key.includes(uid)',
    '',
    'webhook/admission/review-cache'
  ],
  [
    'dry-run-counts-no-pod',
    'A dry run does not take the place of a pod in a canary.',
    'webhook/admission/admit.ts',
    ' && !request.dryRun',
    '',
    'webhook/admission/admit'
  ],
  [
    'pods-are-counted',
    'Each pod of a workload takes the next place in its canary.',
    'webhook/admission/pod-counter.ts',
    'turns.set(workload, turn + 1)',
    'turns.set(workload, turn)',
    'webhook/admission/admit'
  ],
  [
    'audit-line-user',
    'The audit line names the user of the request.',
    'webhook/admission/decision-log.ts',
    'user: request.user,',
    "user: '',",
    'webhook/admission/decision-log'
  ],
  [
    'audit-line-loosening',
    'The audit line names rules that were ignored because they would have loosened the profile.',
    'webhook/admission/decision-log.ts',
    'loosening: c.loosening',
    'loosening: undefined',
    'webhook/admission/decision-log'
  ],
  [
    'audit-annotations',
    "The API server's audit log gets the decision and its reason.",
    'webhook/admission/respond.ts',
    '{ decision: decision.decision, reason: decision.reason }',
    '{ decision: decision.decision }',
    'webhook/admission/respond'
  ],
  [
    'warnings-limited',
    'Warnings are at most 4,096 characters in total.',
    'webhook/admission/respond.ts',
    'if (total + text.length > maxWarnings - 64) {',
    'if (total < 0) {',
    'webhook/admission/respond'
  ],
  [
    'client-certificate',
    'With a client authority only its callers get an answer.',
    'webhook/admission/plugin.ts',
    'guard.check(request.raw.socket, reply.raw)',
    '',
    'webhook/admission/server'
  ],
  [
    'client-name',
    'With names of clients, a certificate of the authority with another name gets no answer.',
    'webhook/admission/client-guard.ts',
    'if (this.#names.size === 0) return true',
    'if (this.#names.size >= 0) return true',
    'webhook/admission/server'
  ],
  [
    'forbidden-keys',
    'A review cannot change prototypes.',
    'webhook/admission/parse-body.ts',
    'return text.suspicious\n      ?',
    'return text.kept === ""\n      ?',
    review
  ],
  [
    'ephemeral-reviews',
    'kubectl debug is decided, too.',
    'webhook/admission/review.ts',
    "return request.subresource === 'ephemeralcontainers' && request.operation === 'UPDATE'",
    "return request.subresource === ''",
    ['webhook/admission/patch', review]
  ],
  [
    'unreadable-pod',
    'A pod that cannot be read is left to the API server, which rejects it with a better message.',
    'webhook/admission/respond.ts',
    'reason,\n    allowed: true,',
    'reason,\n    allowed: false,',
    review
  ],
  [
    'large-bodies-wait',
    'Large bodies wait, unread, until earlier ones are answered.',
    'webhook/admission/body-budget.ts',
    'if (this.#inMemory + next.bytes > this.#maxBytes) return',
    'if (this.#inMemory < 0) return',
    'webhook/admission/body-budget'
  ],
  [
    'failure-policy',
    'A missing webhook never stops pods unless the installation asks for it.',
    'webhook/admission/webhook-configuration.ts',
    "failurePolicy: options.failurePolicy ?? 'Ignore'",
    "failurePolicy: options.failurePolicy ?? 'Fail'",
    'webhook/admission/webhook-configuration'
  ],
  [
    'webhook-time-limit',
    'The API server waits at most two seconds for the webhook.',
    'webhook/admission/webhook-configuration.ts',
    "options.failurePolicy ?? 'Ignore',\n    timeoutSeconds: 2",
    "options.failurePolicy ?? 'Ignore',\n    timeoutSeconds: 30",
    ['webhook/admission/webhook-configuration', 'cli/install/install']
  ],
  [
    'own-service-accounts',
    'Pods that Secco itself creates do not wait for its webhook.',
    'webhook/admission/webhook-configuration.ts',
    "`!request.userInfo.username.startsWith('system:serviceaccount:${own}:')`",
    "'true'",
    'webhook/admission/webhook-configuration'
  ],
  [
    'final-state-unconfined',
    'The final-state policy reports a pod that has no filter.',
    'webhook/admission/final-state-policy.ts',
    'expression: `variables.optedOut || !(${isSmall}) || variables.unconfined.size() == 0`',
    "expression: 'true'",
    policy
  ],
  [
    'final-state-undecided',
    'The final-state policy reports a pod that Secco did not decide about.',
    'webhook/admission/final-state-policy.ts',
    'expression: `variables.optedOut || !(${isSmall}) || variables.undecided.size() == 0`',
    "expression: 'true'",
    policy
  ],
  [
    'path-policy-unassigned',
    'Nobody but Secco gives a container a path below secco/.',
    'webhook/admission/final-state-policy.ts',
    "expression: 'variables.unassigned.size() == 0'",
    "expression: 'true'",
    policy
  ],
  [
    'final-state-mirror',
    'The annotation of a mirror pod exempts only pods that a node creates.',
    'webhook/admission/policy-parts.ts',
    `"has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups)"`,
    `"has(request.userInfo.groups))"`,
    policy
  ],
  [
    'approval-verb',
    'Only users with the verb approve change what a profile allows.',
    'webhook/admission/approval-policy.ts',
    "expression: `!variables.guarded || ${allowed('approve')} || (variables.byPolicy && ${allowed('promote')})`",
    "expression: 'true'",
    'e2e/identity'
  ],
  [
    'approval-by-own-name',
    'An approval has the name of its writer.',
    'webhook/admission/approval-policy.ts',
    "'!variables.approval || !has(object.spec.approval) || object.spec.approval.by == request.userInfo.username'",
    "'true'",
    'e2e/identity'
  ]
])
