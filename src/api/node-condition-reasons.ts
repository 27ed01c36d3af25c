import type { ConditionReason } from './condition-reason.js'

/** The next step for a node that holds up profiles. */
export const holdsUpNext =
  'read the log of its satellite; until that is fixed, no profile waits for the node after ' +
  '`kubectl taint node NODE secco.dev/not-ready=held:NoSchedule` or `kubectl delete node NODE`'

/** Reasons of the conditions of nodes: those that a satellite reports, and RevisionsHeld, which the hub sets. */
export const nodeConditionReasons: readonly ConditionReason[] = [
  {
    kind: 'Node',
    type: 'RevisionsHeld',
    status: 'False',
    reason: 'RevisionsLate',
    meaning:
      'the node is connected and has lacked revisions for more than 5 minutes: new pods of these profiles that could ' +
      'run there get what `whenNotReady` says, on every node',
    next: holdsUpNext
  },
  {
    kind: 'Node',
    type: 'RecorderExact',
    status: 'True',
    reason: 'SelfTestPassed',
    meaning: 'the self-test counted every marker syscall',
    next: ''
  },
  {
    kind: 'Node',
    type: 'RecorderExact',
    status: 'False',
    reason: 'SelfTestFailed',
    meaning:
      'the self-test missed marker syscalls: what is learned on this node is marked incomplete',
    next: 'secco doctor --node on that node'
  },
  {
    kind: 'Node',
    type: 'RecorderExact',
    status: 'False',
    reason: 'RecursionMisses',
    meaning:
      'the kernel skipped runs of the BPF program: what was learned meanwhile is marked incomplete, until a self-test passes',
    next: 'find other tracers on the node'
  },
  {
    kind: 'Node',
    type: 'RecorderExact',
    status: 'Unknown',
    reason: 'SelfTestNotRun',
    meaning: 'the self-test could not be run',
    next: 'read the message; secco doctor --node on that node'
  },
  {
    kind: 'Node',
    type: 'FiltersMatch',
    status: 'False',
    reason: 'FilterMismatch',
    meaning:
      'a syscall that a profile denies succeeded: another filter is active in that container; ' +
      'the condition stays until the satellite restarts',
    next: 'find the container with secco ps --wrong; restart it, then the satellite'
  },
  {
    kind: 'Node',
    type: 'ProfilesWritable',
    status: 'False',
    reason: 'WRITE_FAILED',
    meaning: 'a revision could not be written into the seccomp folder; the satellite tries again',
    next: 'free space or make the folder writable; the message names the file'
  },
  {
    kind: 'Node',
    type: 'ObservationsAccepted',
    status: 'False',
    reason: 'RejectedByHub',
    meaning: 'the hub rejected observations of pods permanently within the last hour',
    next: 'read the reason in the message; docs/security.md explains each'
  }
]
