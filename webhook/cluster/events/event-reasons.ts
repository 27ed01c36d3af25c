import { driftKinds } from '../../../src/confinement/state.js'

/** Every reason that an event of Secco may have. docs/reference/statements.md explains each; people script against them. */
export const eventReasons = [
  ...driftKinds,
  ...(['AsDeclared', 'NotProtected', 'NotPatched'] as const),
  ...(['CallDenied', 'CallLogged'] as const),
  ...(['ProfileApplied', 'ProfileFallback', 'ProfileMissing'] as const),
  ...(['Learned', 'Approved', 'Distributed', 'RevisionsLate'] as const),
  ...(['Promoted', 'CanaryStarted', 'CanaryCompleted', 'CanaryReturned'] as const),
  ...(['RolledBack', 'CallMuted'] as const)
] as const
export type EventReason = (typeof eventReasons)[number]
