import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { AdmissionAnswers } from './admission-answers.js'
import type { ListedContainers } from './bypassed-containers.js'
import type { ContainerViews } from './container-view.js'
import type { DenialRecording } from './denial-recording.js'
import type { Restarts } from './restarts.js'
import type { RevisionIndex } from './revision-index.js'
import type { ConfinementSources } from './sources.js'

/** Confinement holds, in memory, how the fleet's containers are confined. Routes, events and pages read from it. */
export interface Confinement {
  readonly sources: ConfinementSources
  readonly views: ContainerViews
  /** What people are shown: the views, and containers that wait to start although a rule was bypassed. */
  readonly listed: ListedContainers
  readonly revisions: RevisionIndex
  readonly restarts: Restarts
  readonly recording: DenialRecording
  readonly answers: AdmissionAnswers
  /** Returns the profile with the key `namespace/name`. */
  profile(key: string): SeccompProfile | undefined
}
