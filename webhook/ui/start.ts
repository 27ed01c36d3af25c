import { missingNodesOf } from '../confinement/containers/missing-nodes.js'
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from '../../src/lib/log.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import type { Store } from '../../src/store/store.js'
import { Listeners } from '../../src/lib/listeners.js'
import { createDiscovery } from '../hub/observations/discovery.js'
import type { Hub } from '../hub/hub.js'
import { nodeView } from '../hub/nodes/node-view.js'
import type { NodeState } from '../hub/nodes/node-state.js'
import type { ObjectCache } from '../snapshot/object-cache.js'
import type { StateSource } from '../snapshot/state-source.js'
import { denialViews } from '../confinement/denials/denial-views.js'
import { assignmentOf } from '../confinement/ladder/assignment.js'
import type { Confinement } from '../confinement/containers/confinement.js'
import { linesOfProfile, knownNow } from '../confinement/history/history-routes.js'
import { allRoutes, truthStreams } from './api/truth-routes.js'
import { openAuditTrail } from './model/audit-trail.js'
import { type ActiveRole, noteDeletions } from './model/deletions.js'
import { noteLink } from './sessions/login.js'
import { createContainerIndex } from './model/containers.js'
import { type Identity, localIdentity, localRights, type Rights } from '../access/rights.js'
import type { UiSources } from './model/sources.js'
import { createUiServer } from './server.js'
import { KeptSessions, type SessionStorage } from '../access/kept-sessions.js'

interface UiOptions {
  store: Store
  objects: ObjectCache
  /** The hub of this replica; without one, what only a hub knows is empty. */
  hub: Hub | undefined
  states: StateSource
  truth: Confinement | undefined
  /** In a cluster: which of several hubs is the active one. */
  role?: ActiveRole
  snapshot: () => Snapshot
  /** The nodes that this replica knows, and those that should report and never did. */
  nodes: () => readonly NodeState[]
  /** Folder of the audit trail. */
  revisionsDir: string
  /** Where the sessions of browsers are stored. */
  sessionStorage: SessionStorage
  /** Token of the command line; without it only one-time links open a session. */
  token?: string
  /** Default: the token and one-time links. */
  rights?: Rights
  senders?: WeakMap<IncomingMessage, Identity>
  podNamed: UiSources['podNamed']
  /** See `Ui`; default: none. */
  commandOptions?: string
  logger: Logger
}

interface RunningUi {
  app: FastifyInstance
  /** Returns the path of a new one-time link; undefined where people have tokens of their own. */
  link: (user: string) => string | undefined
  close(): Promise<void>
}

function keptSessions(
  { sessionStorage: storage, role, logger }: UiOptions,
  rights: Rights,
  now: () => number
): KeptSessions {
  return new KeptSessions({ storage, rights, now, logger, ...(role && { role }) })
}

/** Starts the pages and the API of a running hub. The caller listens. */
export async function startUi(options: UiOptions): Promise<RunningUi> {
  const { store, objects, hub, states, truth, logger } = options
  const now = () => Date.now()
  const rights =
    options.rights ?? localRights(options.token ?? randomBytes(32).toString('base64url'))
  const kept = keptSessions(options, rights, now)
  const audit = await openAuditTrail(join(options.revisionsDir, 'audit.jsonl'), logger)
  const stopNoting = noteDeletions({
    ...{ objects, audit, now },
    ...(options.role && { role: options.role }),
    ...(hub && { onMissed: hub.history.onMissed })
  })
  const changed = new Listeners()
  const notify = () => changed.notify()
  objects.onChange(notify)
  const containers = truth === undefined ? undefined : createContainerIndex(truth.listed.list())
  const leave = [
    hub?.onChange(notify),
    truth?.listed.onChange((here, gone) => {
      containers?.put(here)
      containers?.remove(gone)
      notify()
    }),
    hub?.denialRows.onNews(notify),
    truth?.revisions.onChange(notify)
  ]
  const app = await createUiServer({
    sources: {
      profiles: () => objects.profiles(),
      everyProfile: () => objects.profiles(),
      isReadable: () => true,
      rendering: () => hub?.rendering() ?? {},
      rules: () => objects.rules(),
      storedRules: () => store.list('SeccompRule'),
      nodes: () => options.nodes().map(nodeView),
      missing: () => (truth === undefined ? [] : missingNodesOf(truth.sources)),
      hasReported: (node) => truth?.sources.hub.inventory.isComplete(node) ?? false,
      podNamed: options.podNamed,
      states: () => [...states.profiles().values()],
      denials: () => (truth === undefined ? [] : denialViews(truth)),
      denialsKnownSince: () => truth?.sources.hub.denialRows.knownSince(),
      problems: () => objects.problems(),
      snapshot: options.snapshot,
      revision: async (digest) => hub?.bytes(digest),
      discovery: hub?.discovery ?? createDiscovery(),
      ...(hub === undefined
        ? {}
        : {
            recorded: (namespace, profile) => hub.recorded(namespace, profile),
            history: (namespace, profile, isWhole) =>
              linesOfProfile(hub.history, `${namespace}/${profile}`, isWhole, knownNow(hub))
          }),
      containers: () => containers,
      ...(truth && { assignment: (profile, sees) => assignmentOf(truth, profile, sees) }),
      onChange: changed.add
    },
    ...{ store, sessions: kept.sessions, rights, audit, profiler: hub?.traces, now, logger },
    ...(options.senders === undefined ? {} : { senders: options.senders }),
    foreign: truth === undefined ? [] : allRoutes(truth),
    extensions:
      truth === undefined ? [] : [(app, { streams }) => truthStreams(app, truth, streams)],
    place: truth?.sources.inCluster === true ? 'Kubernetes cluster' : hostname(),
    commandOptions: options.commandOptions ?? ''
  })
  return {
    app,
    link(user) {
      if (rights.kind !== 'local') return undefined
      noteLink({ audit, now }, user, 'for admins, printed at the start')
      return `/login/${kept.sessions.link(localIdentity(user, 'admin'))}`
    },
    async close() {
      for (const stop of leave) stop?.()
      stopNoting()
      await app.close()
      await kept.close()
      await audit.close()
    }
  }
}
