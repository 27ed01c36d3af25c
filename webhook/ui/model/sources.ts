import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import type { HistoryLine } from '../../../src/history/history-lines.js'
import type { ProfileState } from '../../../src/rules/profile-state.js'
import type { Snapshot } from '../../../src/rules/snapshot.js'
import type { RenderOptions } from '../../../src/seccomp/render/render-types.js'
import type { StoreProblem } from '../../../src/store/store.js'
import type { PodView } from '../../confinement/containers/sources.js'
import type { Assignment } from '../../confinement/ladder/assignment.js'
import type { Recorded } from '../../hub/hub-types.js'
import type { Discovery } from '../../hub/observations/discovery.js'
import type { MissingNode } from '../../confinement/containers/missing-nodes.js'
import type { DenialView } from '../../views/denial-view.js'
import type { NodeView } from '../../views/view.js'
import type { Containers } from './containers.js'

/** What pages and API read. All of it is in memory: a page costs no look-up. */
export interface UiSources {
  profiles: () => readonly SeccompProfile[]
  /** Also the profiles that the person may not see: digests depend on them, and nothing else may. */
  everyProfile: () => readonly SeccompProfile[]
  /** Whether the person may see the profiles of a namespace. */
  isReadable: (namespace: string) => boolean
  /** What every rendering depends on of the nodes. */
  rendering: () => Pick<RenderOptions, 'runtimes' | 'machine'>
  rules: () => readonly SeccompRule[]
  /** Reads every rule from the store, also one that was written a moment ago. */
  storedRules: () => Promise<readonly SeccompRule[]>
  nodes: () => readonly NodeView[]
  /** The nodes that do not report now: what runs there is not shown, or is shown as it was. */
  missing: () => readonly MissingNode[]
  /** Whether a node has reported all that runs there: then what it did not report has ended. */
  hasReported: (node: string) => boolean
  /** What the admission decision knows about each profile. */
  states: () => readonly ProfileState[]
  /** Returns a pod as the API server has it; undefined where pods are not watched, and for unknown ones. */
  podNamed: (namespace: string, pod: string) => (PodView & { node: string }) | undefined
  /** Newest last. */
  denials: () => readonly DenialView[]
  /** RFC 3339. Denials before that are not known; undefined: no denials are reported here at all. */
  denialsKnownSince: () => string | undefined
  problems: () => readonly StoreProblem[]
  /** What the admission decision reads. */
  snapshot: () => Snapshot
  /** Bytes of a revision, as long as the hub keeps them. */
  revision: (digest: string) => Promise<Buffer | undefined>
  /** When each instance first made which calls, and how often it made them. */
  discovery: Discovery
  /** What happened to the workload of a profile, newest last; isWhole: and to the installation. Absent without a hub. */
  history?: (
    namespace: string,
    profile: string,
    isWhole: boolean
  ) => Promise<readonly HistoryLine[]>
  /** Every container with its filter in the kernel; undefined where satellites do not report containers. */
  containers: () => Containers | undefined
  /** Where a profile is in force and what gives it to pods; absent where no hub follows the containers. */
  assignment?: (profile: SeccompProfile, sees?: (namespace: string) => boolean) => Assignment
  /** Makes the store have what was recorded of a profile until now, and returns what it lacks. Absent without a hub. */
  recorded?: (namespace: string, profile: string) => Promise<Recorded>
  /** Calls the listener after any of the above changed. Returns a function that removes it. */
  onChange: (listener: () => void) => () => void
}
