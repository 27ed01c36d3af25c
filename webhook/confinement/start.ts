import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { createAdmissionAnswers } from './containers/admission-answers.js'
import { ListedContainers } from './containers/bypassed-containers.js'
import type { Confinement } from './containers/confinement.js'
import type { ContainerView } from './containers/container-view.js'
import { createContainerViews } from './containers/container-views.js'
import { DenialRecording } from './containers/denial-recording.js'
import { watchRestarts } from './containers/restarts.js'
import { RevisionIndex } from './containers/revision-index.js'
import type { ConfinementSources } from './containers/sources.js'
import { DriftWatch } from './drift-watch.js'
import { LadderWatch } from './ladder/ladder-watch.js'

interface RunningConfinement extends Confinement {
  close(): Promise<void>
}

/** ProfileList keeps the profiles by key, as of their last change. */
class ProfileList {
  readonly all: () => readonly SeccompProfile[]
  #profiles: readonly SeccompProfile[] = []
  #byKey = new Map<string, SeccompProfile>()

  constructor(profiles: () => readonly SeccompProfile[]) {
    this.all = profiles
  }

  get(key: string): SeccompProfile | undefined {
    const profiles = this.all()
    // The list is another one after each change: with thousands of profiles it is read when somebody asks.
    if (profiles !== this.#profiles) {
      this.#profiles = profiles
      this.#byKey = new Map(
        profiles.map((one) => [
          `${one.metadata.namespace ?? rootNamespace}/${one.metadata.name}`,
          one
        ])
      )
    }
    return this.#byKey.get(key)
  }
}

/** Returns whether a container runs under a revision that was rendered for audit. */
function isAudit(revisions: RevisionIndex, view: ContainerView): boolean {
  const { state, profile, revision } = view
  if (state === 'audit') return true
  const known = revisions.byDigest(revision)
  return known.some((one) => one.profile === profile && one.mode === 'audit')
}

/** Starts everything that follows how containers are confined, next to the hub's own work. */
export function startConfinement(sources: ConfinementSources): RunningConfinement {
  const profiles = new ProfileList(() => sources.profiles())
  const revisions = new RevisionIndex(sources)
  revisions.refresh()
  const views = createContainerViews(sources, revisions)
  const listed = new ListedContainers(sources, views)
  const drift = new DriftWatch(sources, views)
  const restarts = watchRestarts(views, {
    now: () => sources.now(),
    recorded: (revision) => sources.hub.history.restartsUnder(revision),
    podCreatedAt: (uid) => sources.pod(uid)?.createdAt,
    profilesOf: (revision) => revisions.byDigest(revision).map(({ profile }) => profile)
  })
  const recording = new DenialRecording({
    ...{ nodes: () => sources.hub.nodes(), node: (name) => sources.hub.node(name) },
    ...{ views, now: () => sources.now(), isAudit: (view) => isAudit(revisions, view) }
  })
  const confinement: Confinement = {
    ...{
      sources,
      views,
      listed,
      revisions,
      restarts,
      recording,
      answers: createAdmissionAnswers()
    },
    profile: (key) => profiles.get(key)
  }
  const ladder = new LadderWatch(confinement, () => profiles.all())
  return {
    ...confinement,
    async close() {
      await ladder.close()
      await drift.close()
      recording.close()
      restarts.close()
      listed.close()
      views.close()
    }
  }
}
