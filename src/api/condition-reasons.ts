import type { ConditionReason } from './condition-reason.js'
import { nodeConditionReasons } from './node-condition-reasons.js'
import { ruleConditionReasons } from './rule-condition-reasons.js'

/**
 * Every reason that a condition of Secco may have. docs/reference/conditions.md is generated from it, and a
 * test compares the code with it. A reason is never reused for another meaning; people script against it.
 */
export const conditionReasons: readonly ConditionReason[] = [
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'True',
    reason: 'AllNodesReady',
    meaning:
      'every node that counts has each revision that new pods may get (the newest of both modes, what is pinned, and both sides of a ' +
      'canary), and every ready replica of the webhook serves them',
    next: ''
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'False',
    reason: 'NotApproved',
    meaning: 'spec.seccomp is empty: nobody has approved anything yet',
    next: 'secco profile diff NAME, then secco profile approve NAME'
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'False',
    reason: 'RenderFailed',
    meaning: 'the spec cannot be rendered; the message has the error code',
    next: 'correct the field that the message names'
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'False',
    reason: 'AllowsByDefault',
    meaning:
      'the profile, or one that it extends, allows or only logs what no rule names (`spec.seccomp.defaultAction`), so it would deny ' +
      'no more than RuntimeDefault; new pods get the content approved before, or what `whenNotReady` says',
    next: 'set spec.seccomp.defaultAction to SCMP_ACT_ERRNO, and allow the syscalls by name'
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'False',
    reason: 'ApprovalInvalid',
    meaning:
      'spec.approval does not match the content of the spec; the content approved before stays in use',
    next: 'review the spec, then approve it: secco profile approve NAME'
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'False',
    reason: 'WaitingForNodes',
    meaning: 'nodes still lack a revision that new pods may get; the message names it and them',
    next: 'wait; secco get nodes says which node holds profiles up for more than 5 minutes, and what to do'
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'False',
    reason: 'WaitingForReplicas',
    meaning:
      'every node has the revision, and a ready replica of the webhook would still give pods the revision or the mode of before, ' +
      'or does not report what it gives: its report is missing or older than 45 s; the message names it. Or no replica is ready',
    next:
      'wait; a replica of an earlier version reports nothing until it is replaced. If it stays: ' +
      'kubectl -n secco-system logs POD, then delete that pod'
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'False',
    reason: 'NoNodes',
    meaning: 'no satellite has connected yet, so no node can have the file',
    next: 'start the satellites: kubectl -n secco-system get daemonset secco-satellite'
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'False',
    reason: 'NodeReportsError',
    meaning: 'a node could not write or load the revision; the message has its error',
    next: 'read the message; `secco doctor --node` on that node'
  },
  {
    kind: 'SeccompProfile',
    type: 'Learning',
    status: 'True',
    reason: 'InstancesRunning',
    meaning: 'containers of the workload are running and recorded',
    next: 'secco profile show NAME shows how complete the profile is'
  },
  {
    kind: 'SeccompProfile',
    type: 'Learning',
    status: 'False',
    reason: 'InstancesEnded',
    meaning: 'no container of the workload is known to be running',
    next: 'start the workload on a node with a satellite'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'False',
    reason: 'AsDeclared',
    meaning:
      'no difference is known between the declared profile, the file on disk and the filter in the kernel; the message ' +
      'says of how many containers the filter cannot be read',
    next: 'nothing; secco doctor --node says why filters cannot be read'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'Unconfined',
    meaning: 'a container that was assigned this profile runs without a filter',
    next: 'find the container with secco ps and restart it'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'FilterDiffers',
    meaning: 'the kernel enforces another filter than the declared one',
    next: 'find the container with secco ps and restart it'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'ConfigDiffers',
    meaning: 'the container was started with another profile than the one assigned to it',
    next: 'find the container with secco ps and restart it'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'FileMissing',
    meaning: "the revision's file is missing on a node",
    next: 'nothing: the satellite writes it again'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'FileChanged',
    meaning: "the content of the revision's file on a node does not match its name",
    next: 'find out what wrote the file; the satellite restores it'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'Drift',
    meaning: 'there is a difference that no other reason names',
    next: 'read the message'
  },
  {
    kind: 'SeccompProfile',
    type: 'WouldDeny',
    status: 'True',
    reason: 'CallsInAudit',
    meaning:
      'in audit mode a container made a syscall that enforce would deny; policies do not enforce the profile',
    next: 'secco denials lists the syscalls: allow or mute them, or fix the program'
  },
  {
    kind: 'SeccompProfile',
    type: 'WouldDeny',
    status: 'False',
    reason: 'AuditQuiet',
    meaning: 'containers no longer make syscalls that enforce would deny',
    next: 'nothing: spec.ladder.enforceAfter applies again'
  },
  {
    kind: 'SeccompProfile',
    type: 'QuietUnproven',
    status: 'True',
    reason: 'NobodyWatches',
    meaning:
      'a canary, or audit with enforceAfter, ran on nodes of which none records denials: ' +
      'their time without denials does not count',
    next: 'record denials there (--record always), or promote by hand: secco promote PROFILE enforce --reason WHY'
  },
  {
    kind: 'SeccompProfile',
    type: 'QuietUnproven',
    status: 'False',
    reason: 'NodesWatch',
    meaning: 'a node on which it ran records denials again, or nothing is on trial any more',
    next: 'nothing: the time without denials and restarts counts from then on'
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'True',
    reason: 'BuiltIn',
    meaning:
      "Secco's own pods have profiles that come with Secco; what is observed of them needs no approval",
    next: ''
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'Unknown',
    reason: 'Uninstalled',
    meaning: 'Secco was removed from the cluster: nothing delivers the profile any more',
    next: 'install Secco again, or delete the profile'
  },
  ...ruleConditionReasons,
  ...nodeConditionReasons
]

const kinds = ['SeccompProfile', 'SeccompRule', 'Node'] as const

/** Introductions for conditions that no object of ours carries. */
const places: Partial<Record<(typeof kinds)[number], string>> = {
  Node:
    'Satellites report these conditions, and the hub `RevisionsHeld`; `secco get nodes -o json` and the page Nodes show them. ' +
    'A type that a node does not list is fine.\n' +
    'A revision that a node could not make ready is listed as `RevisionReady`, with an error code as its reason.\n\n'
}

const tableHead =
  '| type | status | reason | meaning | what to do |\n| --- | --- | --- | --- | --- |\n'

/** Returns the text of docs/reference/conditions.md. */
export function conditionsPage(): string {
  const head = `<!-- Generated by \`npm run gen\` from src/api/condition-reasons.ts. -->

# Conditions and their reasons

Conditions have the form of \`metav1.Condition\`: \`observedGeneration\` is the \`metadata.generation\` that they were computed
for, \`lastTransitionTime\` changes only when \`status\` does. Reasons are for programs, messages for people.

\`\`\`sh
kubectl -n shop wait --for=condition=Ready seccompprofile/checkout.app --timeout=60s
\`\`\`

The active hub writes conditions when something changes, and nobody takes them back while no hub runs: whoever may write
a status could change what is delivered, so no other program may. \`Ready\` then stays as it was in the object, and
\`secco get profiles\` and \`secco profile show NAME\` print \`Unknown\`. What was changed meanwhile shows in \`-o wide\`:
\`OBSERVED\` (\`status.observedGeneration\`) is smaller than \`GENERATION\`. Both commands know that no hub has run for a
minute from the Lease of the active hub, which the person must be allowed to read. It is renewed every few seconds:

\`\`\`sh
kubectl -n secco-system get lease secco-hub -o custom-columns=HUB:.spec.holderIdentity,CONFIRMED:.spec.renewTime
\`\`\`
`
  const tables = kinds.flatMap((kind) => {
    const rows = conditionReasons.filter((one) => one.kind === kind)
    if (rows.length === 0) return []
    const lines = rows.map(
      ({ type, status, reason, meaning, next }) =>
        `| ${type} | ${status} | ${reason} | ${meaning} | ${next} |`
    )
    return [`\n## ${kind}\n\n${places[kind] ?? ''}${tableHead}${lines.join('\n')}\n`]
  })
  return head + tables.join('')
}
