import type { Static } from 'typebox'
import type { InstanceEvidence } from '../../api/evidence-schema.js'

export type Instance = Static<typeof InstanceEvidence>

/** One piece of evidence that a profile is complete, or not yet. */
export interface EvidenceItem {
  /** Stable word for scripts. */
  item: string
  ok: boolean
  /** A restart under the profile can fail without it: it is shown in red. */
  bad?: true
  detail: string
  /** The next step if it is not ok. */
  next?: string
}
