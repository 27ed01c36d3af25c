import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { apiVersion } from '../../src/api/names.js'
import { forEachAtOnce } from '../../src/lib/at-once.js'
import { runtimeDefault } from '../../src/seccomp/policy/runtime-default.js'
import type { ApiServerPrograms } from './api-server-programs.js'
import { type Json, type Kube, kubeClient } from './kube.js'
import { startPeopleCluster } from './people-cluster.js'
import { spawnSecco } from './secco-command.js'
import { until } from './until.js'
import { startWebhookProgram } from './webhook-program.js'

const namespaces = `/apis/${apiVersion}/namespaces`
const profilesPath = `${namespaces}/shop/seccompprofiles`
const rulesPath = `${namespaces}/secco-system/seccomprules`
const hubAccount = 'system:serviceaccount:secco-system:secco-hub'
const needed = ['read', 'write', 'exit_group', 'futex', 'execve', 'rt_sigreturn']
/** Connections that apply objects. */
const connections = 8

/** What `kubectl get` asks for (meta.k8s.io/v1 Table): columns instead of objects, which would cost more than the hub. */
const asTable = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }

interface Table {
  columnDefinitions: { name: string }[]
  rows: { cells: unknown[] }[]
}

interface AuditEvent {
  verb: string
  user: { username: string }
  responseStatus?: { code?: number }
  objectRef?: { resource: string; name?: string; subresource?: string }
  requestObject?: { status?: { conditions?: { type: string; reason: string; message: string }[] } }
}

/** How many objects are applied at once. */
export interface Counts {
  profiles: number
  rules: number
}

export interface AppliedObjects {
  /** From the first request to apply one until all are Ready. */
  seconds: number
  /** How many writes of status an object has on average. Those that a conflict stopped are not among them. */
  meanStatusWrites: number
  /** The most writes of the status of one object, which one that is, and what each of them wrote. */
  mostStatusWrites: number
  busiest: string
  written: string[]
  /** Requests of the hub for profiles and rules, without watches. */
  requests: number
}

/** Audits what anybody does with profiles and rules, and the statuses that are written. */
const group = 'secco.dev'
const statuses = ['seccompprofiles/status', 'seccomprules/status']
const auditPolicy = {
  ...{ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'] },
  rules: [
    { level: 'Request', resources: [{ group, resources: statuses }] },
    { level: 'Metadata', resources: [{ group }] },
    { level: 'None' }
  ]
}

const usual = (runtimeDefault({ machine: 'x86_64' }).syscalls ?? []).flatMap(({ names }) => names)

/** A profile of its own: no two have the same content. Each tenth allows what RuntimeDefault denies. */
function profileOf(nth: number): Json {
  const other = usual.filter((_, at) => (at * 7 + nth * 13) % 5 === 0)
  const names = [...new Set([...needed, ...other, ...(nth % 10 === 0 ? ['keyctl'] : [])])].sort()
  const syscalls = [{ names, action: 'SCMP_ACT_ALLOW' }]
  return {
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { name: `app-${nth}.app` } },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls } }
  }
}

const ruleOf = (nth: number): Json => ({
  ...{ apiVersion, kind: 'SeccompRule', metadata: { name: `app-${nth}` } },
  spec: {
    podSelector: { matchLabels: { app: `app-${nth}` } },
    profile: { namespace: 'shop', name: `app-${nth}.app` },
    mode: 'enforce'
  }
})

/** Starts a satellite that records nothing. Returns how to end it. */
async function startNode(state: string, folder: string): Promise<() => Promise<unknown>> {
  const text = await readFile(join(state, 'addresses.json'), 'utf8')
  const { hub } = JSON.parse(text) as { hub: string }
  const child = spawnSecco([
    ...[
      'satellite',
      '--state',
      state,
      '--hub',
      hub,
      '--node',
      'a',
      '--record',
      'off',
      '--pin',
      'off'
    ],
    ...['--seccomp-root', join(folder, 'seccomp'), '--runc-root', join(folder, 'none')],
    ...['--containerd-socket', join(folder, 'none.sock')]
  ])
  const ended = once(child, 'exit')
  child.stdout.resume()
  child.stderr.resume()
  return () => {
    child.kill('SIGTERM')
    return ended
  }
}

/** Returns the conditions that a write of a status brought. */
function conditionsIn({ requestObject }: AuditEvent): string {
  const { conditions = [] } = requestObject?.status ?? {}
  return conditions.map(({ type, reason, message }) => `${type} ${reason} (${message})`).join(', ')
}

function writesOf(events: readonly AuditEvent[]): Omit<AppliedObjects, 'seconds'> {
  const own = events.filter(({ verb, user }) => user.username === hubAccount && verb !== 'watch')
  const perObject = new Map<string, string[]>()
  for (const event of own) {
    const { objectRef, verb, responseStatus } = event
    if (objectRef?.subresource !== 'status' || verb === 'get') continue
    if ((responseStatus?.code ?? 0) >= 400) continue
    const key = `${objectRef.resource}/${objectRef.name ?? ''}`
    perObject.set(key, [...(perObject.get(key) ?? []), conditionsIn(event)])
  }
  const [[busiest, written] = ['', []]] = [...perObject].sort(([, a], [, b]) => b.length - a.length)
  const writes = [...perObject.values()].reduce((sum, one) => sum + one.length, 0)
  const meanStatusWrites = writes / Math.max(1, perObject.size)
  return {
    ...{ meanStatusWrites, mostStatusWrites: written.length, busiest, written },
    requests: own.length
  }
}

type Closers = (() => unknown)[]

/** Starts an API server with one node, a hub and the node's satellite, each a program of its own. */
async function startRig(programs: ApiServerPrograms, folder: string, closers: Closers) {
  const policy = join(folder, 'audit.json')
  await writeFile(policy, JSON.stringify(auditPolicy))
  const people = await startPeopleCluster(programs, [`--audit-policy-file=${policy}`])
  const { cluster } = people
  closers.push(() => cluster.stop())
  await cluster.kube.do('POST', '/api/v1/nodes', {
    metadata: { name: 'a', labels: { 'kubernetes.io/os': 'linux' } }
  })
  const merge = { contentType: 'application/merge-patch+json' }
  await cluster.kube.do('PATCH', '/api/v1/nodes/a', { spec: { taints: null } }, merge)
  const state = join(folder, 'state')
  const config = await people.kubeconfig(folder, 'hub')
  const hub = await startWebhookProgram(state, '--kubeconfig', config, '--roles', 'hub,ui')
  closers.push(() => hub.stop())
  closers.push(await startNode(state, folder))
  // What is rendered depends on the nodes' runtimes.
  await until('the node to be connected', async (note) => {
    const headers = { authorization: `Bearer ${cluster.token}` }
    const text = await (await fetch(`${hub.ui}/api/v1/nodes`, { headers })).text()
    note(text)
    return /"connected": *true/.test(text) || undefined
  })
  return cluster
}

async function untilReady(kube: Kube, path: string, count: number): Promise<void> {
  const probe = async (note: (seen: unknown) => void) => {
    const all = `${path}?includeObject=None`
    const table = (await kube.do('GET', all, undefined, asTable)) as unknown as Table
    const column = table.columnDefinitions.findIndex(({ name }) => name === 'Ready')
    const ready = table.rows.filter(({ cells }) => cells[column] === 'True').length
    note(`${ready} of ${count} are ready`)
    return ready === count || undefined
  }
  await until(`${path} to be ready`, probe, { timeoutMs: 600_000, everyMs: 1000 })
}

/** Applies profiles and rules at once to a real API server with a hub and one node. */
export async function applyManyObjects(
  programs: ApiServerPrograms,
  counts: Counts
): Promise<AppliedObjects> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-many-'))
  const closers: Closers = [() => rm(folder, { recursive: true, force: true })]
  try {
    const cluster = await startRig(programs, folder, closers)
    const agent = new Agent({ keepAlive: true })
    closers.push(() => {
      agent.destroy()
    })
    const kube = kubeClient(cluster.url, cluster.caPem, cluster.token, agent)
    const objects = [
      ...Array.from({ length: counts.profiles }, (_, nth) => [profilesPath, profileOf(nth)]),
      ...Array.from({ length: counts.rules }, (_, nth) => [rulesPath, ruleOf(nth)])
    ] as [string, Json][]
    const began = performance.now()
    await forEachAtOnce(objects, connections, ([path, object]) => kube.do('POST', path, object))
    await untilReady(kube, profilesPath, counts.profiles)
    await untilReady(kube, rulesPath, counts.rules)
    const seconds = (performance.now() - began) / 1000
    return { seconds, ...writesOf(cluster.auditEvents() as unknown as AuditEvent[]) }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}
