import type { ConditionReason } from './condition-reason.js'
import { nodeConditionReasons } from './node-condition-reasons.js'

/**
 * Every reason that a condition of ours may have: the one home of docs/reference/conditions.md, and a
 * test holds the code to it. A reason is never reused for another meaning; people script against it.
 */
export const conditionReasons: readonly ConditionReason[] = [
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'True',
    reason: 'AllNodesReady',
    meaning: 'every node that counts holds the newest revision: pods get it',
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
    meaning: 'no file can be made of the spec; the message has the error code',
    next: 'correct the field that the message names'
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'False',
    reason: 'ApprovalInvalid',
    meaning:
      'spec.approval is about another content than the spec has; what was approved before goes on serving',
    next: 'look at what is there now, and approve that: secco profile approve NAME'
  },
  {
    kind: 'SeccompProfile',
    type: 'Ready',
    status: 'False',
    reason: 'WaitingForNodes',
    meaning: 'the revision is on its way; the message names the nodes that lack it',
    next: 'wait; when a node stays away, look at its satellite'
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
    meaning: 'a node could not write or load the revision; the message has its words',
    next: 'read the message; `secco doctor --node` on that node'
  },
  {
    kind: 'SeccompProfile',
    type: 'Learning',
    status: 'True',
    reason: 'InstancesRunning',
    meaning: 'containers of the workload run and are recorded',
    next: 'secco profile show NAME says how complete it is'
  },
  {
    kind: 'SeccompProfile',
    type: 'Learning',
    status: 'False',
    reason: 'InstancesEnded',
    meaning: 'no container of the workload is known to run',
    next: 'start the workload where it is to be learned'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'False',
    reason: 'AsDeclared',
    meaning:
      'declared, on disk and in the kernel are the same for every container under this profile',
    next: 'none: all is well'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'Unconfined',
    meaning: 'a container that was given this profile runs without any filter',
    next: 'secco ps shows the container; restart it to get what is declared'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'FilterDiffers',
    meaning: 'the kernel enforces another filter than the one declared',
    next: 'secco ps shows the container; restart it to get what is declared'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'ConfigDiffers',
    meaning: 'the container was started with another profile than it was assigned',
    next: 'secco ps shows the container; restart it to get what is declared'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'FileMissing',
    meaning: "the revision's file is gone from a node",
    next: 'nothing: the satellite writes it again'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'FileChanged',
    meaning: "the revision's file on a node is not what its name says",
    next: 'find out who wrote it; the satellite mends it'
  },
  {
    kind: 'SeccompProfile',
    type: 'Drifted',
    status: 'True',
    reason: 'Drift',
    meaning: 'something differs that no other reason names',
    next: 'read the message'
  },
  {
    kind: 'SeccompProfile',
    type: 'WouldRefuse',
    status: 'True',
    reason: 'CallsInAudit',
    meaning: 'in audit a container made a call that enforce would refuse: no policy enforces it',
    next: 'secco denials shows the calls; allow or mute them, or mend the program'
  },
  {
    kind: 'SeccompProfile',
    type: 'WouldRefuse',
    status: 'False',
    reason: 'AuditQuiet',
    meaning: 'no container makes a call that enforce would refuse any more',
    next: 'nothing: spec.ladder.enforceAfter goes on'
  },
  {
    kind: 'SeccompProfile',
    type: 'QuietUnproven',
    status: 'True',
    reason: 'NobodyWatches',
    meaning:
      'what is on trial (a canary, or in audit with enforceAfter) ran on nodes of one hub, and none of them tells what is refused there: its quiet there takes it nowhere; nodes of another hub may watch, and that one goes on',
    next: 'record there (--record always), or take the step yourself: secco promote WORKLOAD enforce --reason WHY'
  },
  {
    kind: 'SeccompProfile',
    type: 'QuietUnproven',
    status: 'False',
    reason: 'NodesWatch',
    meaning:
      'a node on which it ran tells what is refused there again, or nothing is on trial any more',
    next: 'nothing: the time without trouble counts from then on, at every hub'
  },
  {
    kind: 'SeccompRule',
    type: 'Accepted',
    status: 'True',
    reason: 'Valid',
    meaning: 'the rule is in force',
    next: ''
  },
  {
    kind: 'SeccompRule',
    type: 'Accepted',
    status: 'False',
    reason: 'Invalid',
    meaning: 'the rule selects nothing, or less than it says; the message has the problems',
    next: 'correct the field that the message names'
  },
  {
    kind: 'SeccompRule',
    type: 'Ready',
    status: 'True',
    reason: 'Learning',
    meaning: 'matching pods run under RuntimeDefault and are recorded',
    next: ''
  },
  {
    kind: 'SeccompRule',
    type: 'Ready',
    status: 'True',
    reason: 'ProfileReady',
    meaning: 'every node has the profile: matching pods get it',
    next: ''
  },
  {
    kind: 'SeccompRule',
    type: 'Ready',
    status: 'False',
    reason: 'ProfileNotFound',
    meaning: 'the profile that the rule names does not exist',
    next: 'make it, or correct spec.profile'
  },
  {
    kind: 'SeccompRule',
    type: 'Ready',
    status: 'False',
    reason: 'ProfileNotApproved',
    meaning: 'nobody has approved the profile yet',
    next: 'secco profile diff NAME, then secco profile approve NAME'
  },
  {
    kind: 'SeccompRule',
    type: 'Ready',
    status: 'False',
    reason: 'WaitingForNodes',
    meaning: 'nodes lack the revision; pods that could run there get what whenNotReady says',
    next: 'wait; when a node stays away, look at its satellite'
  },
  {
    kind: 'SeccompRule',
    type: 'Ready',
    status: 'Unknown',
    reason: 'PerNamespace',
    meaning: 'each pod gets the profile of that name in its own namespace',
    next: 'look at the profiles of those namespaces'
  },
  ...nodeConditionReasons
]

const kinds = ['SeccompProfile', 'SeccompRule', 'Node'] as const

/** Where conditions are that no object has. */
const places: Partial<Record<(typeof kinds)[number], string>> = {
  Node: 'Satellites tell them; `secco get nodes -o json` and the page Nodes show them. A type that a node does not have is well. A revision\nthat a node could not make ready is shown there as `RevisionReady`, with an error code as its reason.\n\n'
}

/** docs/reference/conditions.md. */
export function conditionsPage(): string {
  const head = `<!-- Generated by \`npm run gen\` from src/api/condition-reasons.ts. -->

# Conditions and their reasons

Conditions have the form of \`metav1.Condition\`: \`observedGeneration\` says which \`metadata.generation\` they were worked out
for, \`lastTransitionTime\` moves only when \`status\` does. Reasons are for programs, messages for people.

\`\`\`sh
kubectl -n shop wait --for=condition=Ready seccompprofile/checkout.app --timeout=60s
\`\`\`
`
  const tables = kinds.flatMap((kind) => {
    const rows = conditionReasons.filter((one) => one.kind === kind)
    if (rows.length === 0) return []
    const lines = rows.map(
      ({ type, status, reason, meaning, next }) =>
        `| ${type} | ${status} | ${reason} | ${meaning} | ${next} |`
    )
    return [
      `\n## ${kind}\n\n${places[kind] ?? ''}| type | status | reason | meaning | what to do |\n| --- | --- | --- | --- | --- |\n${lines.join('\n')}\n`
    ]
  })
  return head + tables.join('')
}
