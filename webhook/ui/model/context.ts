import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ProfileState } from '../../../src/rules/profile-state.js'
import type { Snapshot } from '../../../src/rules/snapshot.js'
import type { Store, StoreProblem } from '../../../src/store/store.js'
import type { Discovery } from '../../hub/observations/discovery.js'
import type { DenialView } from '../../views/denial-view.js'
import type { AuditTrail } from './audit-trail.js'
import type { Profiler } from './profiler.js'
import type { Identity, Rights } from '../../access/rights.js'
import type { Containers } from './containers.js'
import type { WorkloadLine } from './workloads.js'
import type { Sessions } from '../../access/sessions.js'
import type { NodeView } from '../../views/view.js'

/** Where pages and API read from. Everything here is in memory: a page costs no look-up. */
export interface UiSources {
  profiles: () => readonly SeccompProfile[]
  rules: () => readonly SeccompRule[]
  nodes: () => readonly NodeView[]
  /** How many nodes speak to other replicas of the hub: what runs and is refused there only they know. */
  elsewhere: () => number
  /** What the admission decision knows of each profile. */
  states: () => readonly ProfileState[]
  /** Newest last. */
  denials: () => readonly DenialView[]
  /** RFC 3339. Denials before that are not known; undefined: no denials are reported here at all. */
  denialsKnownSince: () => string | undefined
  problems: () => readonly StoreProblem[]
  /** What the admission decision reads. */
  snapshot: () => Snapshot
  /** Bytes of a revision, while they are kept. */
  revision: (digest: string) => Promise<Buffer | undefined>
  /** When which instance brought which calls, and how often they were made. */
  discovery: Discovery
  /** Every container and what it is really under, where satellites report it; else undefined. */
  containers: () => Containers | undefined
  /** Called after anything of the above changed; gives how to stop. */
  onChange: (listener: () => void) => () => void
}

/** Everything that pages and routes work with. */
export interface Ui {
  sources: UiSources
  store: Pick<Store, 'get' | 'apply' | 'update' | 'delete'>
  sessions: Sessions
  rights: Rights
  audit: AuditTrail
  /** undefined: no satellite is on this machine. */
  profiler: Profiler | undefined
  /** Where it is installed, for the header: a cluster's or machine's name. */
  place: string
  /** `workloadLines` of the sources as they are now. */
  lines: () => readonly WorkloadLine[]
  /** Whoever asks now has to see what changed: `lines` are worked out anew. */
  wrote: () => void
  /** Whether an endpoint is there: what other parts of the hub bring may be missing, and its buttons with it. */
  offers: (method: 'GET' | 'POST', url: string) => boolean
  log: Logger
  /** In ms. */
  now: () => number
}

/** One request for a page or of the API. */
export interface Call {
  ui: Ui
  identity: Identity
  params: Readonly<Record<string, string>>
  query: Readonly<Record<string, string>>
  /** The query with what was said more than once. */
  all: Readonly<Record<string, string | string[] | undefined>>
}
