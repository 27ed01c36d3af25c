import type { RevisionRef } from '../../../src/api/gen/hub.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Store } from '../../../src/store/store.js'
import type { FleetState } from '../nodes/readiness.js'
import type { Render } from './profile-renderer.js'
import type { RevisionFiles } from './revision-files.js'

export interface RevisionsOptions {
  store: Store
  files: RevisionFiles
  logger: Logger
  /** Returns the nodes as they are now. */
  fleet: () => FleetState
  /** Returns revisions that are desired besides those of the profiles: pods still refer to them. */
  referred: () => Iterable<RevisionRef>
  /** Returns whether this hub writes the statuses; otherwise another one does. */
  mayWrite: () => boolean
  /** Called before statuses with a revision that has become ready are written; see HubCluster. */
  announce?: () => Promise<void>
  /** Called after each change of the states or of what is desired. @param isDesiredNew whether nodes should have other files */
  changed: (isDesiredNew: boolean) => void
  /** How long changes are collected. */
  debounceMs: number
  /** Wait after a failed write. */
  retryMs: number
  /** Time between two writes about nothing but the number of nodes; 0: each is written. */
  countMs: number
  render?: Render
  /** Whether edits of specs without Secco (kubectl edit) are recorded among the approvals. */
  recordEdits?: boolean
}
