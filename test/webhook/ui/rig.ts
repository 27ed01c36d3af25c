import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { createLogger } from '../../../src/lib/log.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import type { AnyObject, Kind, Objects } from '../../../src/api/objects.js'
import type { ObjectRef } from '../../../src/store/store.js'
import { createDiscovery } from '../../../webhook/hub/observations/discovery.js'
import { openAuditTrail } from '../../../webhook/ui/model/audit-trail.js'
import type { ForeignRoute } from '../../../webhook/ui/api/foreign.js'
import type { Ui } from '../../../webhook/ui/model/context.js'
import type { UiSources } from '../../../webhook/ui/model/sources.js'
import type { MissingNode } from '../../../webhook/confinement/containers/missing-nodes.js'
import type { DenialView } from '../../../webhook/views/denial-view.js'
import type { InventoryItem } from '../../../webhook/ui/model/inventory.js'
import { createContainerIndex } from '../../../webhook/ui/model/containers.js'
import {
  localIdentity,
  localRights,
  type Rights,
  type Role
} from '../../../webhook/access/rights.js'
import { createUiServer } from '../../../webhook/ui/server.js'
import { createSessions } from '../../../webhook/access/sessions.js'
import type { NodeView } from '../../../webhook/views/view.js'

/** Everything that an attacker would like to see interpreted, in one name. */
export const hostile = `<script>alert(1)</script>"'&javascript:alert(1)\u202e\u0007`

export const profile: SeccompProfile = {
  apiVersion,
  kind: 'SeccompProfile',
  metadata: { namespace: 'shop', name: 'checkout.app' },
  spec: { workload: { kind: 'Deployment', name: hostile, container: 'app' } },
  status: {
    observed: { x86_64: ['accept4', 'ptrace', 'read'] },
    lastNew: '2026-01-01T00:00:00.000Z',
    instances: [
      {
        ...{ id: `node-1/boot/${hostile}`, node: hostile, complete: true, ended: false },
        ...{ lastSeen: '2026-01-01T00:00:00.000Z', image: hostile, kernel: hostile }
      }
    ],
    arguments: [{ abi: 'x86_64', name: 'socket', index: 0, values: ['1', '38'] }]
  }
}

export const node: NodeView = {
  name: 'node-1',
  connected: true,
  lastSeen: '2026-01-01T23:59:50.000Z',
  kernel: '6.1',
  arch: 'x86_64',
  hook: '',
  tracingUnavailable: hostile,
  runtimes: 'runc 1.1.5',
  revisions: 0,
  record: 'off',
  attached: false,
  gaps: [],
  holdsUp: [],
  losses: {
    ...{ tableFull: 0, unknownSyscalls: 0, recursionMisses: 0, unidentified: 0 },
    ...{ details: 0, missed: 0, givenUp: 0 }
  },
  conditions: [
    { type: 'ProfilesWritable', status: 'False', reason: 'WRITE_FAILED', message: hostile }
  ]
}

export const denial: DenialView = {
  ...{ namespace: 'shop', profile: 'checkout.app', node: 'node-1', container: 'c1', abi: 'x86_64' },
  ...{ syscall: 'mount', action: 'SCMP_ACT_ERRNO', count: 3, errno: 1, signal: '', pid: 7 },
  ...{ answer: 'EPERM', comm: hostile.slice(0, 15), at: '', lastSeen: '2026-01-01T00:00:00.000Z' },
  ...{ succeeded: 0, expected: false, muted: false },
  ...{ state: 'open', closedAt: '', hint: 'look', call: 'mount' }
}

const origin = 'http://localhost'

/** A store of a few objects in memory, with the one promise that matters here: changes are seen. */
function smallStore(objects: Map<string, AnyObject>, changed: () => void): Ui['store'] {
  const keyOf = (kind: Kind, ref: Partial<ObjectRef>) =>
    `${kind} ${ref.namespace ?? ''}/${ref.name ?? ''}`
  return {
    get: <K extends Kind>(kind: K, ref: ObjectRef) =>
      Promise.resolve(objects.get(keyOf(kind, ref)) as Objects[K] | undefined),
    apply: <K extends Kind>(kind: K, object: Objects[K]) => {
      const before = objects.get(keyOf(kind, object.metadata)) as Objects[K] | undefined
      const after = before?.status === undefined ? object : { ...object, status: before.status }
      objects.set(keyOf(kind, object.metadata), after)
      changed()
      return Promise.resolve(after)
    },
    update: <K extends Kind>(
      kind: K,
      ref: ObjectRef,
      change: (object: Objects[K]) => Objects[K]
    ) => {
      const after = change(objects.get(keyOf(kind, ref)) as Objects[K])
      objects.set(keyOf(kind, ref), after)
      changed()
      return Promise.resolve(after)
    },
    delete: (kind, ref) => {
      const gone = objects.delete(keyOf(kind, ref))
      changed()
      return Promise.resolve(gone)
    }
  }
}

export interface UiRig {
  app: FastifyInstance
  ui: Pick<Ui, 'sessions' | 'audit' | 'store'>
  token: string
  /** Tells the server that something changed. */
  changed: () => void
  /** Moves the clock. */
  pass: (ms: number) => void
  profiles: () => SeccompProfile[]
  /** A cookie of a session of that role. */
  cookie: (role: Role) => string
  get: (url: string, headers?: Record<string, string>) => Promise<LightMyRequestResponse>
  /** As a page of this origin would, with a session. */
  send: (
    method: 'POST' | 'PUT' | 'DELETE',
    url: string,
    body?: object,
    more?: { role?: Role; headers?: Record<string, string | undefined> }
  ) => Promise<LightMyRequestResponse>
}

export interface RigOptions extends Partial<UiSources> {
  /** In the place of `containers`. */
  inventory?: () => readonly InventoryItem[]
  objects?: readonly AnyObject[]
  /** What time it is, RFC 3339. */
  clock?: string
  /** Default: no satellite is on this machine. */
  profiler?: Ui['profiler']
  extensions?: readonly ((app: FastifyInstance) => void)[]
  rights?: Rights
  /** Default: one in memory, of `objects`. */
  store?: Ui['store']
  foreign?: readonly ForeignRoute[]
  commandOptions?: string
}

/** A node of which nothing is listed, or one that is away. @param lastSeen of a node that is away */
export const missingNode = (name: string, lastSeen = ''): MissingNode => ({
  ...{ name, lastSeen, listed: lastSeen !== '' },
  why: lastSeen === '' ? 'not reported yet' : `no report since ${lastSeen}`
})

/** The real server of pages and API on sources that a test gives. */
export async function startUiRig(options: RigOptions = {}): Promise<UiRig> {
  const { objects: given = [profile], extensions = [], foreign = [], ...others } = options
  const { profiler } = options
  const { rights, inventory, store: givenStore, commandOptions = '', ...sources } = others
  const containers = inventory === undefined ? undefined : createContainerIndex(inventory())
  const objects = new Map(
    given.map((each) => [
      `${each.kind} ${each.metadata.namespace ?? ''}/${each.metadata.name}`,
      each
    ])
  )
  let clock = Date.parse(options.clock ?? '2026-01-02T00:00:00.000Z')
  const listeners = new Set<() => void>()
  const of = <K extends Kind>(kind: K) =>
    [...objects.values()].filter((each): each is Objects[K] => each.kind === kind)
  const token = 'the-token-of-the-machine'
  const sessions = createSessions(() => clock)
  const logger = createLogger('test', { write: () => undefined })
  const audit = await openAuditTrail(undefined, logger)
  const tell = () => {
    for (const listener of listeners) listener()
  }
  const store = givenStore ?? smallStore(objects, tell)
  const app = await createUiServer({
    sources: {
      profiles: () => of('SeccompProfile'),
      everyProfile: () => of('SeccompProfile'),
      isReadable: () => true,
      rendering: () => ({}),
      rules: (): SeccompRule[] => of('SeccompRule'),
      storedRules: () => Promise.resolve(of('SeccompRule')),
      nodes: () => [node],
      missing: () => [],
      hasReported: () => false,
      podNamed: () => undefined,
      states: () => [],
      denials: () => [denial],
      denialsKnownSince: () => '2026-01-01T00:00:00.000Z',
      problems: () => [{ where: 'shop/broken.yaml', message: 'spec: is missing' }],
      snapshot: () => buildSnapshot({ rules: of('SeccompRule') }),
      revision: () => Promise.resolve(undefined),
      discovery: createDiscovery(),
      containers: () => containers,
      onChange: (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
      ...sources
    },
    store,
    sessions,
    rights: rights ?? localRights(token),
    audit,
    profiler,
    place: 'here',
    commandOptions,
    now: () => clock,
    logger,
    extensions,
    foreign
  })
  await app.ready()
  // Requests of inject() come from port 0.
  const cookie = (role: Role) => `secco-0=${sessions.open(localIdentity(role, role))}`
  return {
    app,
    ui: { sessions, audit, store },
    token,
    changed: tell,
    pass: (ms) => {
      clock += ms
    },
    profiles: () => of('SeccompProfile'),
    cookie,
    get: (url, headers = {}) =>
      app.inject({ url, headers: { host: 'localhost', cookie: cookie('admin'), ...headers } }),
    send: (method, url, body, { role = 'admin', headers = {} } = {}) => {
      const all = new Map(Object.entries({ host: 'localhost', origin, cookie: cookie(role) }))
      for (const [key, value] of Object.entries(headers)) {
        if (value === undefined) all.delete(key)
        else all.set(key, value)
      }
      return app.inject({
        method,
        url,
        headers: Object.fromEntries(all),
        ...(body === undefined ? {} : { payload: body })
      })
    }
  }
}
