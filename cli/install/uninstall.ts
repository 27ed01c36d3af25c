import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import type { ApiCall } from '../../src/store/kubernetes-call.js'
import type { Io } from '../lib/io.js'
import { endOtherPrograms, endPrograms, type Removal, runningPods } from './end-programs.js'
import { nameOf } from './install.js'
import { startupTaint } from '../../src/api/names.js'
import { plural } from '../../src/lib/plural.js'
import { historyLabel } from '../../src/store/history-store.js'
import { find, installedLayouts, leftoversOf, pathOf, removalOrder } from './installed-objects.js'
import { type LeftBehind, printKeptFiles, printLost, readLeftBehind } from './lost-protection.js'
import { names, namespace } from './names.js'
import { type Layout, layouts, type Manifest } from './options.js'
import { objectsRemovedAlong } from './removed-along.js'
import { cleaner, cleanerName } from './satellite.js'
import { makeReadyUnknown } from './unknown-ready.js'

export interface UninstallOptions {
  /** Remove only what other installations left, and nothing that an installation of this layout can have. */
  leftovers?: Layout | undefined
  /** Remove also the CRDs with every profile and rule, and the namespace. */
  all: boolean
  dryRun: boolean
  /** Time that a step may take; objects that are not gone then are named. */
  timeoutMs?: number
}

interface Cluster {
  call: ApiCall
  io: Io
  options: Required<UninstallOptions>
}

/**
 * Removes one object and waits until it is gone. Returns false if it is still there.
 * @param propagationPolicy Background: the deletion does not wait for dependents
 */
async function remove(
  { call, io, options }: Cluster,
  one: Manifest,
  propagationPolicy: 'Background' | 'Orphan' = 'Background'
): Promise<boolean> {
  const path = pathOf(one)
  const found = await find(call, path)
  if (found === undefined) return true
  io.stdout(`${options.dryRun ? 'would delete' : 'delete'} ${nameOf(one)}\n`)
  if (options.dryRun) return true
  await call('DELETE', path, { body: { propagationPolicy } }).catch((error: unknown) => {
    if (toSeccoError(error).code !== 'NOT_FOUND') throw error
  })
  const end = Date.now() + options.timeoutMs
  while ((await find(call, path)) !== undefined) {
    if (Date.now() > end) return false
    await delay(100)
  }
  return true
}

/** Removes objects one after the other. Returns the names of those that are still there. */
async function removeAll(cluster: Cluster, objects: readonly Manifest[]): Promise<string[]> {
  const stuck: string[] = []
  for (const one of objects) if (!(await remove(cluster, one))) stuck.push(nameOf(one))
  return stuck
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

const instanceOf = (name: string): string => `app.kubernetes.io/instance=${name}`

async function podsOf(call: ApiCall, labelSelector: string): Promise<ListedPod[]> {
  const query = { labelSelector }
  const found = (await find(call, podsPath, query)) as { items?: ListedPod[] } | undefined
  return found?.items ?? []
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
  const before = await podsOf(call, instanceOf(names.satellite))
  const nodes = before.flatMap(({ spec }) => spec.nodeName ?? [])
  // A dry run names it where it names the other objects.
  if (!options.dryRun) await remove(cluster, found)
  if (nodes.length === 0) return
  const job = cleaner(found)
  const where = `on ${plural(nodes.length, 'node')}, which detaches recorders`
  io.stdout(`${options.dryRun ? 'would create' : 'create'} ${nameOf(job)} ${where}\n`)
  if (options.dryRun) {
    io.stdout(`would delete ${nameOf(job)}\n`)
    return
  }
  await call('POST', path.slice(0, path.lastIndexOf('/')), { body: job })
  const end = Date.now() + options.timeoutMs
  let left = new Set(nodes)
  while (left.size > 0 && Date.now() < end) {
    const done = (await podsOf(call, instanceOf(cleanerName))).filter(isDone)
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

const removalOf = (cluster: Cluster): Removal => ({
  ...{ call: cluster.call, io: cluster.io },
  ...{ dryRun: cluster.options.dryRun, timeoutMs: cluster.options.timeoutMs },
  remove: (one, propagationPolicy) => remove(cluster, one, propagationPolicy)
})

/**
 * Removes what other installations left. Their programs keep their rights until their pods have ended: until then they answer
 * reviews and write, and a webhook may wait up to 95 s for connections that an API server keeps. Returns what is still there.
 */
async function removeLeftovers(cluster: Cluster, layout: Layout): Promise<string[]> {
  const { call, io } = cluster
  const left = await leftoversOf(call, [layout])
  const deployments = left.filter((one) => one['kind'] === 'Deployment')
  const stuck = await removeAll(cluster, deployments)
  const pods = await endOtherPrograms(removalOf(cluster), layout, deployments)
  if (left.length + pods.found === 0) io.stderr('nothing is left of another installation\n')
  // A program that runs without its rights answers reviews by what it knew.
  if (pods.left.length > 0) return [...stuck, ...pods.left]
  const rest = left.filter((one) => !deployments.includes(one))
  return [...stuck, ...(await removeAll(cluster, rest))]
}

/**
 * `secco uninstall`: removes the webhook configuration first, then the rest. No object of Secco has a finalizer. An
 * object that another finalizer keeps is named after `timeoutMs`, and the removal goes on.
 * @throws SeccoError FORBIDDEN, UNAUTHENTICATED, UNAVAILABLE, which also says that something is still there, and
 *   CONFLICT if the layout of `leftovers` is not installed.
 */
export async function runUninstall(io: Io, call: ApiCall, given: UninstallOptions): Promise<void> {
  const options = { timeoutMs: 150_000, leftovers: undefined, ...given }
  const cluster: Cluster = { call, io, options }
  if (options.leftovers !== undefined) {
    await ensureInstalled(call, options.leftovers)
    ensureGone(await removeLeftovers(cluster, options.leftovers))
    return
  }
  const left = await readLeftBehind(call)
  const order = removalOrder(options.all)
  const stuck = await removeAll(cluster, order.first)
  await cleanNodes(cluster)
  await untaint(cluster)
  stuck.push(...(await endPrograms(removalOf(cluster), order.rest)))
  stuck.push(...(await removeAll(cluster, order.rest)))
  // After the last hub has ended: it would write them again. One that has not ended is named below.
  if (!options.all) await makeReadyUnknown(io, call, options.dryRun)
  // Of earlier versions: a role among them may still be part of the built-in ones.
  stuck.push(...(await removeAll(cluster, await leftoversOf(call, layouts))))
  if (options.all) {
    const along = await objectsRemovedAlong(call, [...order.first, ...order.rest])
    for (const one of along)
      io.stdout(`${options.dryRun ? 'would delete' : 'delete'} ${nameOf(one)}\n`)
  }
  stuck.push(...(await removeAll(cluster, order.last)))
  await printKept(cluster, left)
  ensureGone([...stuck, ...(await stillRunning(cluster, stuck))])
}

/**
 * Returns the pods of programs that have not ended by now: one may have, since it was waited for. If that cannot be asked, what
 * else is still there is named all the same.
 * @throws SeccoError of the API server, where nothing else is still there
 */
async function stillRunning(
  { call, options }: Cluster,
  stuck: readonly string[]
): Promise<string[]> {
  if (options.dryRun) return []
  try {
    return await runningPods(call)
  } catch (error) {
    if (stuck.length === 0) throw error
    return []
  }
}

/** Rejects a layout that is not installed: its rest would be the whole installation. @throws SeccoError CONFLICT */
async function ensureInstalled(call: ApiCall, layout: Layout): Promise<void> {
  const installed = await installedLayouts(call)
  if (installed.includes(layout)) return
  const [other] = installed
  throw new SeccoError('CONFLICT', `--leftovers ${layout}: this layout is not installed`, {
    hint:
      other === undefined
        ? 'to remove the rest of an installation, leave --leftovers out'
        : `name the layout that stays: --leftovers ${other}`
  })
}

/** Prints what stays and how to remove it, and what nothing protects any more. */
async function printKept({ call, io, options }: Cluster, left: LeftBehind): Promise<void> {
  if (!options.all) {
    const query = { labelSelector: `${historyLabel}=true` }
    const path = `/api/v1/namespaces/${namespace}/configmaps`
    const { items } = ((await find(call, path, query)) ?? { items: [] }) as { items: unknown[] }
    const histories = items.length === 0 ? '' : `, ${plural(items.length, 'history', 'histories')}`
    io.stderr(
      `kept: the CRDs, all profiles and rules${histories}, namespace ${namespace} (--all removes them too)\n`
    )
  }
  printKeptFiles(io, left)
  const where = options.all ? ' in other namespaces' : ''
  io.stderr(
    `kept where people set them: labels secco.dev/… of namespaces and pods, bindings of roles to people${where}\n`
  )
  printLost(io, left)
}

/** @throws SeccoError UNAVAILABLE that names what is still there */
function ensureGone(stuck: readonly string[]): void {
  if (stuck.length === 0) return
  throw new SeccoError('UNAVAILABLE', `still there: ${stuck.join(', ')}`, {
    hint: 'run it again: a pod may take two minutes to end; if they stay, look at their metadata.finalizers and conditions'
  })
}
