import type { ConditionReason } from './condition-reason.js'

/** Conditions of SeccompRules. */
export const ruleConditionReasons: readonly ConditionReason[] = [
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
    meaning: 'the rule selects nothing, or less than it states; the message lists the problems',
    next: 'correct the field that the message names'
  },
  {
    kind: 'SeccompRule',
    type: 'Ready',
    status: 'True',
    reason: 'Learning',
    meaning:
      'matching pods are recorded; they run under RuntimeDefault, or the mode that was set for their own profile',
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
    next: 'create the profile, or correct spec.profile'
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
    meaning:
      'nodes lack the revision; pods that could run on them get what spec.whenNotReady specifies',
    next: 'wait; secco get nodes says which node holds profiles up for more than 5 minutes, and what to do'
  },
  {
    kind: 'SeccompRule',
    type: 'Ready',
    status: 'Unknown',
    reason: 'PerNamespace',
    meaning: 'each pod gets the profile of that name in its own namespace',
    next: 'check the profiles in those namespaces'
  },
  {
    kind: 'SeccompRule',
    type: 'PodsSelected',
    status: 'True',
    reason: 'Selected',
    meaning: 'the rule has selected at least one pod since it was written or changed',
    next: ''
  },
  {
    kind: 'SeccompRule',
    type: 'PodsSelected',
    status: 'False',
    reason: 'NoPods',
    meaning:
      'no pod of the cluster has been selected since the rule was written or changed: its pods do not run yet, or a label, ' +
      'namespace, container or image of it has a typo',
    next: 'compare it with the pods: kubectl get pods -A --show-labels; secco check -f POD.yaml shows what a pod would get'
  },
  {
    kind: 'SeccompRule',
    type: 'Bypassed',
    status: 'True',
    reason: 'PodsNotPatched',
    meaning:
      'pods that the rule selects were stored without a decision of Secco: the webhook was not reached or was overruled, ' +
      'or they are older than the rule',
    next: 'recreate the pods that the message names; `secco install --final-state deny` keeps such pods out'
  },
  {
    kind: 'SeccompRule',
    type: 'Bypassed',
    status: 'False',
    reason: 'AllPatched',
    meaning: 'every pod that the rule selects carries a decision of Secco again',
    next: 'nothing; recreated pods are under the rule'
  },
  {
    kind: 'SeccompRule',
    type: 'Overruled',
    status: 'True',
    reason: 'OtherRuleWins',
    meaning: 'another rule decides about pods that the rule selects too; the message names it',
    next: 'raise spec.priority of one of them, or select other pods: secco check -f POD.yaml shows which rule decides'
  },
  {
    kind: 'SeccompRule',
    type: 'Overruled',
    status: 'False',
    reason: 'NotOverruled',
    meaning: 'no other rule decides about pods that the rule selects any more',
    next: 'nothing: the rule decides about its pods again'
  },
  {
    kind: 'SeccompRule',
    type: 'Ready',
    status: 'Unknown',
    reason: 'Uninstalled',
    meaning: 'Secco was removed from the cluster: the rule assigns nothing any more',
    next: 'install Secco again, or delete the rule'
  }
]
