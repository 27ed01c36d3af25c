import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from '../../src/lib/log.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import type { Store } from '../../src/store/store.js'
import { createDiscovery } from '../hub/observations/discovery.js'
import type { Hub } from '../hub/hub.js'
import { nodeView } from '../hub/nodes/node-view.js'
import type { NodeState } from '../hub/nodes/nodes.js'
import type { ObjectCache } from '../snapshot/object-cache.js'
import type { StateSource } from '../snapshot/state-source.js'
import { denialViews } from '../confinement/denials/denial-views.js'
import type { Confinement } from '../confinement/containers/confinement.js'
import { allRoutes, truthStreams } from './api/truth-routes.js'
import { openAuditTrail } from './model/audit-trail.js'
import { noteLink } from './sessions/login.js'
import { createContainerIndex } from './model/containers.js'
import { createProfiler } from './model/profiler.js'
import { localIdentity, localRights, type Rights } from '../access/rights.js'
import { createUiServer } from './server.js'
import { createSessions } from '../access/sessions.js'

export interface UiOptions {
  store: Store
  objects: ObjectCache
  /** Of this replica; without one, what only a hub knows is empty. */
  hub: Hub | undefined
  states: StateSource
  truth: Confinement | undefined
  snapshot: () => Snapshot
  /** Those that this replica tells of. */
  nodes: () => readonly NodeState[]
  /** How many nodes other replicas tell of. */
  elsewhere: () => number
  /** The audit trail is kept here. */
  revisionsDir: string
  /** What the command line shows; without one nobody but holders of links comes in. */
  token?: string
  /** Default: that token, and links. */
  rights?: Rights
  satelliteSocket?: string
  logger: Logger
}

export interface RunningUi {
  app: FastifyInstance
  /** Path of a new one-time link; undefined where people have tokens of their own. */
  link: (user: string) => string | undefined
  close(): Promise<void>
}

/** Pages and API of a running hub. The caller lets the server listen. */
export async function startUi(options: UiOptions): Promise<RunningUi> {
  const { store, objects, hub, states, truth, logger, satelliteSocket } = options
  const now = () => Date.now()
  const sessions = createSessions(now)
  const rights =
    options.rights ?? localRights(options.token ?? randomBytes(32).toString('base64url'))
  const audit = await openAuditTrail(join(options.revisionsDir, 'audit.jsonl'), logger)
  const profiler = satelliteSocket === undefined ? undefined : createProfiler(satelliteSocket, now)
  const changed = new Set<() => void>()
  const tell = () => {
    for (const listener of changed) listener()
  }
  objects.onChange(tell)
  const containers = truth === undefined ? undefined : createContainerIndex(truth.views.list())
  const leave = [
    hub?.onChange(tell),
    truth?.views.onChange((here, gone) => {
      containers?.put(here)
      containers?.remove(gone)
      tell()
    }),
    hub?.denialRows.onNews(tell)
  ]
  const app = await createUiServer({
    sources: {
      profiles: () => objects.profiles(),
      rules: () => objects.rules(),
      nodes: () => options.nodes().map(nodeView),
      elsewhere: options.elsewhere,
      states: () => [...states.profiles().values()],
      denials: () => (truth === undefined ? [] : denialViews(truth)),
      denialsKnownSince: () => truth?.sources.hub.denialRows.knownSince(),
      problems: () => objects.problems(),
      snapshot: options.snapshot,
      revision: async (digest) => hub?.bytes(digest),
      discovery: hub?.discovery ?? createDiscovery(),
      containers: () => containers,
      onChange: (listener) => {
        changed.add(listener)
        return () => void changed.delete(listener)
      }
    },
    ...{ store, sessions, rights, audit, profiler, now, logger },
    foreign: truth === undefined ? [] : allRoutes(truth),
    extensions: truth === undefined ? [] : [(app) => truthStreams(app, truth)],
    place: hostname()
  })
  return {
    app,
    link(user) {
      if (rights.kind !== 'local') return undefined
      noteLink({ audit, now }, user, 'for admins, printed at the start')
      return `/login/${sessions.link(localIdentity(user, 'admin'))}`
    },
    async close() {
      for (const stop of leave) stop?.()
      await app.close()
      profiler?.close()
      await audit.close()
    }
  }
}
