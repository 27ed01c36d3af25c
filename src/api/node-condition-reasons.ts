import type { ConditionReason } from './condition-reason.js'

/** Reasons of the conditions that a satellite tells of its node. */
export const nodeConditionReasons: readonly ConditionReason[] = [
  {
    kind: 'Node',
    type: 'RecorderExact',
    status: 'True',
    reason: 'SelfTestPassed',
    meaning: 'every marker call of the self-test was counted',
    next: ''
  },
  {
    kind: 'Node',
    type: 'RecorderExact',
    status: 'False',
    reason: 'SelfTestFailed',
    meaning:
      'marker calls of the self-test were not counted: what is learned there is called incomplete',
    next: 'secco doctor --node on that node'
  },
  {
    kind: 'Node',
    type: 'RecorderExact',
    status: 'False',
    reason: 'RecursionMisses',
    meaning:
      'the kernel skipped runs of the hook: what was learned meanwhile is called incomplete, until a self-test passes',
    next: 'look for other tracers on the node'
  },
  {
    kind: 'Node',
    type: 'RecorderExact',
    status: 'Unknown',
    reason: 'SelfTestNotRun',
    meaning: 'the self-test itself could not be run',
    next: 'read the message; secco doctor --node on that node'
  },
  {
    kind: 'Node',
    type: 'FiltersMatch',
    status: 'False',
    reason: 'FilterMismatch',
    meaning:
      'a call that a profile refuses succeeded: another filter is in force in that container; it stays until the satellite is restarted',
    next: 'secco ps --wrong; start the container again, then the satellite'
  },
  {
    kind: 'Node',
    type: 'ProfilesWritable',
    status: 'False',
    reason: 'WRITE_FAILED',
    meaning: 'a revision could not be written into the seccomp folder; it is tried again',
    next: 'the message names the file: make room, or the folder writable'
  },
  {
    kind: 'Node',
    type: 'ObservationsAccepted',
    status: 'False',
    reason: 'RefusedByHub',
    meaning: 'the hub refused observations for good within the last hour',
    next: 'the message has the reason; docs/security.md has what each means'
  }
]
