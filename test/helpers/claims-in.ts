import type { Snapshot } from '../../src/rules/snapshot.js'
import { type Claims, watchClaims } from '../../webhook/cluster/false-claims.js'
import type { ClusterView } from '../../webhook/cluster/watch/cluster-view.js'

/** Returns the claims of the pods of a view, where one snapshot is in force. */
export function claimsIn(view: ClusterView, snapshot: Snapshot): Claims {
  return watchClaims(view, { current: () => snapshot, onChange: () => () => undefined }).claims
}
