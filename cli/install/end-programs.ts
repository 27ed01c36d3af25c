import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { plural } from '../../src/lib/plural.js'
import type { ApiCall } from '../../src/store/kubernetes-call.js'
import type { Io } from '../lib/io.js'
import { everyOption, find } from './installed-objects.js'
import { namespace, roleLabels } from './names.js'
import { installParts } from './objects.js'
import { type Layout, layouts, type Manifest } from './options.js'

/** What a removal works with. */
export interface Removal {
  call: ApiCall
  io: Io
  dryRun: boolean
  /** Time that a step may take. */
  timeoutMs: number
  /** Removes one object and waits until it is gone. Returns false if it is still there. */
  remove: (one: Manifest, propagationPolicy?: 'Orphan') => Promise<boolean>
}

/** A pod or a ReplicaSet of a program. */
interface Owned {
  metadata: {
    name: string
    labels?: Readonly<Record<string, string>>
    ownerReferences?: readonly { kind: string; name: string }[]
  }
}

const podsPath = `/api/v1/namespaces/${namespace}/pods`
const setsPath = `/apis/apps/v1/namespaces/${namespace}/replicasets`
const instanceLabel = 'app.kubernetes.io/instance'

/** How long pods are waited for that get ten seconds. */
const endMs = 15_000

const nameIn = (one: Manifest): string => (one['metadata'] as { name: string }).name

/** Returns the instances of webhooks and hubs that these layouts have: the names of their Deployments. */
export function instancesOf(all: readonly Layout[] = layouts): Set<string> {
  const objects = all.flatMap((layout) => installParts({ ...everyOption, layout }).programs)
  return new Set(objects.filter(({ kind }) => kind === 'Deployment').map(nameIn))
}

/** Lists what has the label of webhooks and hubs and is of one of these instances. */
async function centralOf(
  call: ApiCall,
  path: string,
  instances: ReadonlySet<string>
): Promise<Owned[]> {
  const query = { labelSelector: `${roleLabels.central}=true` }
  const { items = [] } = ((await find(call, path, query)) ?? {}) as { items?: Owned[] }
  return items.filter(({ metadata }) => instances.has(metadata.labels?.[instanceLabel] ?? ''))
}

/** Returns whether a ReplicaSet is of one of our Deployments, or of one that is gone: somebody may have copied its labels. */
const isOurs = ({ metadata }: Owned, instances: ReadonlySet<string>): boolean =>
  (metadata.ownerReferences ?? []).every(
    ({ kind, name }) => kind === 'Deployment' && instances.has(name)
  )

const podName = ({ metadata }: Owned): string => `Pod ${namespace}/${metadata.name}`

/**
 * Waits until no pod of these instances is left, `ms` at most; an API server that is away for a moment ends no wait.
 * Returns the names of the pods that are left.
 */
async function untilEnded(
  call: ApiCall,
  instances: ReadonlySet<string>,
  ms: number
): Promise<string[]> {
  const end = Date.now() + ms
  for (;;) {
    try {
      const pods = await centralOf(call, podsPath, instances)
      if (pods.length === 0 || Date.now() > end) return pods.map(podName)
    } catch (error) {
      if (toSeccoError(error).code !== 'UNAVAILABLE' || Date.now() > end) throw error
    }
    await delay(200)
  }
}

/** Returns the pods of programs that have not ended. */
export async function runningPods(call: ApiCall): Promise<string[]> {
  return (await centralOf(call, podsPath, instancesOf())).map(podName)
}

async function deletePod({ call, io, dryRun }: Removal, pod: Owned, body: object): Promise<void> {
  io.stdout(`${dryRun ? 'would delete' : 'delete'} ${podName(pod)}\n`)
  if (dryRun) return
  await call('DELETE', `${podsPath}/${pod.metadata.name}`, { body }).catch((error: unknown) => {
    if (toSeccoError(error).code !== 'NOT_FOUND') throw error
  })
}

/**
 * Removes the owners of pods without the pods. Returns the ReplicaSets that are still there; whoever removes the other objects
 * names the Deployments.
 */
async function orphan(removal: Removal, deployments: readonly Manifest[]): Promise<string[]> {
  const instances = instancesOf()
  const stuck: string[] = []
  for (const one of deployments) await removal.remove(one, 'Orphan')
  const sets = await centralOf(removal.call, setsPath, instances)
  for (const { metadata } of sets.filter((one) => isOurs(one, instances))) {
    const { name } = metadata
    const set = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name, namespace } }
    if (!(await removal.remove(set, 'Orphan'))) stuck.push(`ReplicaSet ${namespace}/${name}`)
  }
  return stuck
}

/**
 * Ends webhooks and hubs within ten seconds. By itself a webhook waits up to 95 s for connections that an API server keeps, but
 * without a webhook configuration no review comes on them. The owners of the pods go first and alone: a deletion that removes the
 * pods, too, gives them the time in their specification, which a kubelet does not shorten afterwards. Returns the ReplicaSets that
 * are still there; a pod may end later (`runningPods`).
 * @throws SeccoError of the API server; from then on pods may have no owner, which the hint says
 */
export async function endPrograms(
  removal: Removal,
  installed: readonly Manifest[]
): Promise<string[]> {
  const { call, dryRun, timeoutMs } = removal
  const instances = instancesOf()
  const pods = () => centralOf(call, podsPath, instances)
  if ((await pods()).length === 0) return []
  const deployments = installed.filter((one) => one['kind'] === 'Deployment')
  try {
    // A dry run names the Deployments where it names the other objects.
    const stuck = await orphan(removal, dryRun ? [] : deployments)
    // Those, too, that a ReplicaSet made meanwhile: nobody else would delete them now.
    const body = { gracePeriodSeconds: 10 }
    await Promise.all((await pods()).map((pod) => deletePod(removal, pod, body)))
    if (dryRun) return []
    // A hub writes until it has ended. A pod whose node cannot be reached does not end.
    await untilEnded(call, instances, Math.min(timeoutMs, endMs))
    return stuck
  } catch (thrown) {
    const { code, message } = toSeccoError(thrown)
    const hint =
      'run it again: pods of Secco may be left that no Deployment owns, and only this removes them'
    throw new SeccoError(code, message, { cause: thrown, hint })
  }
}

/**
 * Waits until the pods of other layouts than this one have ended, also of those whose Deployments an earlier run removed; what
 * no owner has is deleted. Returns how many pods were found, and the names of those that are left.
 */
export async function endOtherPrograms(
  removal: Removal,
  layout: Layout,
  deployments: readonly Manifest[]
): Promise<{ found: number; left: string[] }> {
  const { call, io, dryRun, timeoutMs } = removal
  const stays = instancesOf([layout])
  const others = new Set(
    [...instancesOf(), ...deployments.map(nameIn)].filter((one) => !stays.has(one))
  )
  const pods = await centralOf(call, podsPath, others)
  const bare = pods.filter(({ metadata }) => (metadata.ownerReferences ?? []).length === 0)
  for (const pod of bare) await deletePod(removal, pod, {})
  const found = pods.length
  if (found === 0 || dryRun) return { found, left: [] }
  const most = `${Math.ceil(timeoutMs / 1000)} s at most`
  io.stderr(`waiting for ${plural(found, 'pod')} of these programs to end: ${most}\n`)
  return { found, left: await untilEnded(call, others, timeoutMs) }
}
