import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import type { ApiCall } from '../../src/store/kubernetes-call.js'
import type { Io } from '../lib/io.js'
import { nameOf } from './install.js'
import { startupTaint } from '../../src/api/names.js'
import { names, namespace } from './names.js'
import { installParts } from './objects.js'
import { defaultOptions, type Manifest } from './options.js'
import { ownProfilesPath } from './own-profile.js'
import { cleaner } from './satellite.js'

export interface UninstallOptions {
  /** Remove also the CRDs with every profile and rule, and the namespace. */
  all: boolean
  dryRun: boolean
  /** Time that a step may take; objects that are not gone then are named. */
  timeoutMs?: number
}

const plurals: Record<string, string> = {
  NetworkPolicy: 'networkpolicies',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
  MutatingAdmissionPolicy: 'mutatingadmissionpolicies'
}

/** Returns the API path of an object. */
export function pathOf(object: Manifest): string {
  const apiVersion = String(object['apiVersion'])
  const kind = String(object['kind'])
  const metadata = object['metadata'] as { name: string; namespace?: string }
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const where = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`
  return `${root}${where}/${plurals[kind] ?? `${kind.toLowerCase()}s`}/${metadata.name}`
}

const object = (apiVersion: string, kind: string, name: string): Manifest => ({
  apiVersion,
  kind,
  metadata: { name, namespace }
})

/** Objects that the programs create for themselves. */
const madeByPrograms: Manifest[] = [
  object('v1', 'Secret', names.certificates),
  object('v1', 'ConfigMap', names.authority),
  object('v1', 'ConfigMap', names.summary),
  object('coordination.k8s.io/v1', 'Lease', names.lease),
  object('coordination.k8s.io/v1', 'Lease', names.hub)
]

/** Lists everything that an installation may have created, each once, in the order of removal. */
export function removalOrder(all: boolean): {
  first: Manifest[]
  rest: Manifest[]
  last: Manifest[]
} {
  const both = (['small', 'ha'] as const).map((layout) =>
    installParts({ ...defaultOptions, layout, image: '', hubApi: true })
  )
  const seen = new Set<string>()
  const once = (objects: readonly Manifest[]) =>
    objects.filter((one) => {
      const key = pathOf(one)
      return seen.has(key) ? false : seen.add(key)
    })
  const pick = (part: keyof (typeof both)[number]) => both.flatMap((parts) => parts[part])
  return {
    // The API server stops calling the programs before they end.
    first: once([...pick('hubApi'), ...pick('admission')].reverse()),
    rest: once([
      ...pick('satellite'),
      ...pick('programs'),
      ...pick('network'),
      ...madeByPrograms,
      ...pick('rights')
    ]),
    last: all ? once([...pick('crds'), ...pick('namespace')]) : []
  }
}

interface Cluster {
  call: ApiCall
  io: Io
  options: Required<UninstallOptions>
}

async function find(call: ApiCall, path: string): Promise<Manifest | undefined> {
  try {
    return (await call('GET', path)) as Manifest
  } catch (error) {
    if (toSeccoError(error).code === 'NOT_FOUND') return undefined
    throw error
  }
}

/** Removes one object and waits until it is gone. Returns false if it is still there. */
async function remove({ call, io, options }: Cluster, one: Manifest): Promise<boolean> {
  const path = pathOf(one)
  const found = await find(call, path)
  if (found === undefined) return true
  io.stdout(`${options.dryRun ? 'would delete' : 'delete'} ${nameOf(one)}\n`)
  if (options.dryRun) return true
  // Background: the deletion does not wait for dependents.
  const body = { propagationPolicy: 'Background' }
  await call('DELETE', path, { body }).catch((error: unknown) => {
    if (toSeccoError(error).code !== 'NOT_FOUND') throw error
  })
  const end = Date.now() + options.timeoutMs
  while ((await find(call, path)) !== undefined) {
    if (Date.now() > end) return false
    await delay(100)
  }
  return true
}

interface ListedPod {
  metadata: { name: string }
  spec: { nodeName?: string }
  status?: {
    containerStatuses?: {
      state?: { terminated?: { exitCode: number } }
      lastState?: { terminated?: { exitCode: number } }
    }[]
  }
}

const podsPath = `/api/v1/namespaces/${namespace}/pods`

async function podsOf(call: ApiCall, instance: string): Promise<ListedPod[]> {
  const query = { labelSelector: `app.kubernetes.io/instance=${instance}` }
  const { items } = (await call('GET', podsPath, { query })) as { items: ListedPod[] }
  return items
}

const isDone = ({ status }: ListedPod): boolean =>
  (status?.containerStatuses ?? []).some(
    ({ state, lastState }) => (state?.terminated ?? lastState?.terminated)?.exitCode === 0
  )

/**
 * Detaches pinned recorders, which would record on after the satellites are gone, with one pod on each node. A node
 * that cannot be reached is named and does not stop the removal.
 */
async function cleanNodes(cluster: Cluster): Promise<void> {
  const { call, io, options } = cluster
  const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets/${names.satellite}`
  const found = await find(call, path)
  if (found === undefined) return
  const before = await podsOf(call, names.satellite)
  const nodes = before.flatMap(({ spec }) => spec.nodeName ?? [])
  await remove(cluster, found)
  if (nodes.length === 0 || options.dryRun) return
  const job = cleaner(found)
  await call('POST', path.slice(0, path.lastIndexOf('/')), { body: job })
  const end = Date.now() + options.timeoutMs
  let left = new Set(nodes)
  while (left.size > 0 && Date.now() < end) {
    const done = (await podsOf(call, `${names.satellite}-clean`)).filter(isDone)
    const cleaned = new Set(done.map(({ spec }) => spec.nodeName))
    left = new Set(nodes.filter((node) => !cleaned.has(node)))
    if (left.size > 0) await delay(500)
  }
  await remove(cluster, job)
  if (left.size === 0) io.stderr(`recorders detached on ${nodes.length} of ${nodes.length} nodes\n`)
  else
    io.stderr(
      `not cleaned: ${[...left].join(', ')}: run \`secco satellite --clean\` there, or restart the node\n`
    )
}

/** Removes the startup taint: a node that waits for a satellite would stay empty. */
async function untaint({ call, io, options }: Cluster): Promise<void> {
  interface Node {
    metadata: { name: string; resourceVersion: string }
    spec: { taints?: { key: string }[] }
  }
  const { items } = (await call('GET', '/api/v1/nodes')) as { items: Node[] }
  for (const { metadata, spec } of items) {
    const taints = spec.taints ?? []
    const kept = taints.filter(({ key }) => key !== startupTaint)
    if (kept.length === taints.length) continue
    io.stdout(
      `${options.dryRun ? 'would remove' : 'remove'} taint ${startupTaint} of node ${metadata.name}\n`
    )
    if (options.dryRun) continue
    await call('PATCH', `/api/v1/nodes/${metadata.name}`, {
      body: { metadata: { resourceVersion: metadata.resourceVersion }, spec: { taints: kept } },
      contentType: 'application/merge-patch+json'
    })
  }
}

/**
 * `secco uninstall`: removes the webhook configuration first, then the rest. No object of Secco has a finalizer. An
 * object that another finalizer keeps is named after `timeoutMs`, and the removal goes on.
 * @returns the exit code: 1 when something is still there.
 * @throws SeccoError FORBIDDEN, UNAUTHENTICATED, UNAVAILABLE.
 */
export async function runUninstall(
  io: Io,
  call: ApiCall,
  given: UninstallOptions
): Promise<number> {
  const options = { timeoutMs: 60_000, ...given }
  const cluster: Cluster = { call, io, options }
  const order = removalOrder(options.all)
  const stuck: string[] = []
  const removeAll = async (objects: readonly Manifest[]): Promise<void> => {
    for (const one of objects) if (!(await remove(cluster, one))) stuck.push(nameOf(one))
  }
  await removeAll(order.first)
  await cleanNodes(cluster)
  await untaint(cluster)
  await removeAll(order.rest)
  await removeAll(order.last)
  if (!options.all) {
    io.stderr(
      `kept: the CRDs, all profiles and rules, namespace ${namespace} (--all removes them too)\n`
    )
  }
  io.stderr(
    `kept on nodes: files of profiles that running pods refer to, and Secco's own in ${ownProfilesPath}\n`
  )
  if (stuck.length === 0) return 0
  throw new SeccoError('UNAVAILABLE', `still there: ${stuck.join(', ')}`, {
    hint: 'look at metadata.finalizers and the conditions of the named objects'
  })
}
