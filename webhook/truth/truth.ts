import { type ContainerViews, createContainerViews } from './container-views.js'
import { type DriftWatch, startDriftWatch } from './drift-watch.js'
import { createRevisionIndex, type RevisionIndex } from './revision-index.js'
import type { TruthSources } from './sources.js'

/** What is really running, what was refused, and what would break: everything beside the hub's own work. */
export interface Truth {
  readonly sources: TruthSources
  readonly views: ContainerViews
  readonly revisions: RevisionIndex
  readonly drift: DriftWatch
  close(): Promise<void>
}

export function startTruth(sources: TruthSources): Truth {
  let again: () => void = () => undefined
  const revisions = createRevisionIndex(sources, () => again())
  revisions.refresh()
  const views = createContainerViews(sources, () => revisions)
  again = () => views.refresh()
  const drift = startDriftWatch(sources, views)
  return {
    ...{ sources, views, revisions, drift },
    async close() {
      await drift.close()
      views.close()
    }
  }
}
