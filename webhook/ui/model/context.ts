import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Logger } from '../../../src/lib/log.js'
import type { Store } from '../../../src/store/store.js'
import type { Identity, Rights } from '../../access/rights.js'
import type { Sessions } from '../../access/sessions.js'
import type { OpenStreams } from '../../access/open-streams.js'
import type { DocumentReader } from '../documents/document-reader.js'
import type { AuditTrail } from './audit-trail.js'
import type { Profiler } from './profiler.js'
import type { UiSources } from './sources.js'
import type { WorkloadLine } from './workloads.js'

/** Everything that pages and routes need. */
export interface Ui {
  sources: UiSources
  store: Pick<Store, 'get' | 'apply' | 'update' | 'delete'>
  sessions: Sessions
  streams: OpenStreams
  rights: Rights
  /** Senders that are known before their request comes here, as those of the aggregated API. */
  senders?: WeakMap<IncomingMessage, Identity>
  audit: AuditTrail
  /** undefined without a hub. */
  profiler: Profiler | undefined
  /** Name of the cluster or machine, for the header. */
  place: string
  /** Options with which the command line reaches this hub, as a shell takes them; '' where it needs none. */
  commandOptions: string
  /** `workloadLines` of the current sources. */
  lines: () => readonly WorkloadLine[]
  /** Drops the cached `lines`, so that the next request shows what was just written. */
  wrote: () => void
  /** Whether an endpoint exists. Endpoints of other parts of the hub may be missing; then pages leave out their buttons. */
  offers: (method: 'GET' | 'POST', url: string) => boolean
  documents: DocumentReader
  log: Logger
  /** In ms. */
  now: () => number
}

/** Extension adds endpoints of another part of the hub. */
export type Extension = (app: FastifyInstance, ui: Pick<Ui, 'streams'>) => void

/** One request for a page or an endpoint. */
export interface Call {
  ui: Ui
  identity: Identity
  params: Readonly<Record<string, string>>
  query: Readonly<Record<string, string>>
  /** The query, with repeated parameters as lists. */
  all: Readonly<Record<string, string | string[] | undefined>>
}
