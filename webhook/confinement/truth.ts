import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { type Answers, createAnswers } from './containers/answers.js'
import { type ContainerViews, createContainerViews } from './containers/container-views.js'
import { type DriftWatch, startDriftWatch } from './drift-watch.js'
import { createHearing, type Hearing } from './ladder/hearing.js'
import { type LadderWatch, startLadderWatch } from './ladder/ladder-watch.js'
import { type Restarts, watchRestarts } from './containers/restarts.js'
import { createRevisionIndex, type RevisionIndex } from './containers/revision-index.js'
import type { TruthSources } from './containers/sources.js'

/** What is really running, what was refused, and what would break: everything beside the hub's own work. */
export interface Truth {
  readonly sources: TruthSources
  readonly views: ContainerViews
  readonly revisions: RevisionIndex
  readonly restarts: Restarts
  readonly hearing: Hearing
  readonly answers: Answers
  readonly drift: DriftWatch
  readonly ladder: LadderWatch
  /** By `namespace/name`. */
  profile(key: string): SeccompProfile | undefined
  close(): Promise<void>
}

export function startTruth(sources: TruthSources): Truth {
  let again: () => void = () => undefined
  let listed: readonly SeccompProfile[] = []
  let byKey = new Map<string, SeccompProfile>()
  const read = (): void => {
    listed = sources.profiles()
    byKey = new Map(
      listed.map((one) => [`${one.metadata.namespace ?? rootNamespace}/${one.metadata.name}`, one])
    )
  }
  read()
  sources.onProfiles(read)
  const revisions = createRevisionIndex(sources, () => again())
  revisions.refresh()
  const views = createContainerViews(sources, () => revisions)
  again = () => views.refresh()
  const drift = startDriftWatch(sources, views)
  const restarts = watchRestarts(views, () => sources.now())
  const hearing = createHearing({
    ...{ nodes: () => sources.hub.nodes(), node: (name) => sources.hub.node(name) },
    ...{ views, now: () => sources.now() },
    isAudit: ({ state, profile, revision }) =>
      state === 'audit' ||
      revisions.byDigest(revision).some((one) => one.profile === profile && one.mode === 'audit')
  })
  const base = {
    ...{ sources, views, revisions, restarts, hearing, drift, answers: createAnswers() },
    profile: (key: string) => byKey.get(key)
  }
  const truth: Truth = {
    ...base,
    ladder: startLadderWatch(base as Truth, () => listed),
    async close() {
      await truth.ladder.close()
      await drift.close()
      hearing.close()
      restarts.close()
      views.close()
    }
  }
  return truth
}
