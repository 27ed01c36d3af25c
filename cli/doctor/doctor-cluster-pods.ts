import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { tinyPrograms } from '../base/tiny-program.js'
import { proveDenial, proveFilter } from './doctor-canary.js'
import {
  canaryName as name,
  canaryPod,
  canaryPods,
  insteadOf,
  isRunning,
  type Pod,
  profilePath,
  waitingText
} from './doctor-cluster-canary.js'
import { type Chain, placeOf } from './doctor-cluster-chain.js'
import { byWords } from './doctor-cluster-nodes.js'
import { eventually, type Link, patienceMs, promptMs } from './doctor-links.js'
import { namespace as home, roleLabels } from '../install/names.js'

/** Proves something on each canary's node at once. The first failure is thrown, with the name of its node. */
async function onEach<Value, Found>(
  all: ReadonlyMap<string, Value>,
  prove: (value: Value, node: string) => Promise<Found>
): Promise<Found[]> {
  const tries = [...all].map(async ([node, value]) => {
    try {
      return await prove(value, node)
    } catch (error) {
      const { code, message, hint } = toSeccoError(error)
      throw new SeccoError(code, `${node}: ${message}`, { cause: error, hint })
    }
  })
  return await Promise.all(tries)
}

/**
 * Creates the canary of a node. Replicas of the webhook learn one after the other, within seconds, that the nodes have the
 * revision: a pod that came too early is deleted, and created again.
 */
async function createCanary(chain: Chain, node: string): Promise<Pod> {
  const { call, path } = chain
  const body = canaryPod(placeOf(chain), node)
  const create = async () => (await call('POST', canaryPods, { body })) as Pod
  let pod = await create()
  await eventually(async () => {
    if (profilePath(pod) === path) return true
    await call('DELETE', `${canaryPods}/${pod.metadata.name}`)
    pod = await create()
    return undefined
  }, promptMs)
  return pod
}

/** Links that are proven with a real pod on each node. */
export const podLinks: readonly Link<Chain>[] = [
  {
    what: 'a pod starts under the profile',
    fix: 'run secco doctor --node on the named node',
    async prove(chain) {
      const { call, nodes, path } = chain
      const ask = tinyPrograms(chain.machine).ask.toString('base64')
      const configMaps = `/api/v1/namespaces/${name}/configmaps`
      await call('POST', configMaps, { body: { metadata: { name }, binaryData: { ask } } })
      const made = new Map<string, Pod>()
      for (const node of nodes.tried) made.set(node, await createCanary(chain, node))
      const other = [...made.values()].find((pod) => profilePath(pod) !== path)
      if (other !== undefined) return insteadOf(other)
      const newest = new Map(made)
      await eventually(async () => {
        const { items } = (await call('GET', canaryPods)) as { items: Pod[] }
        for (const [node, { metadata }] of made) {
          const now = items.find((one) => one.metadata.uid === metadata.uid)
          if (now !== undefined) newest.set(node, now)
        }
        return [...newest.values()].every(isRunning) ? true : undefined
      })
      for (const [node, pod] of newest) {
        if (!isRunning(pod)) return { broken: `${node}: ${waitingText(pod)}` }
      }
      chain.pods = newest
      return byWords([...newest.keys()].map((node) => ({ node, words: `a pod of ${name}` })))
    }
  },
  {
    what: 'the file on its node has the digest in its name',
    fix: 'look at `secco ps -A -o wide` and the log of the satellite, which restores changed files',
    async prove(chain) {
      const { pods, path } = chain
      const seen = new Map<string, ContainerView>()
      await eventually(async () => {
        const all = `/api/v1/containers?namespace=${name}`
        const items = await chain.hub.list<ContainerView>(all)
        for (const [node, { metadata }] of pods) {
          const own = items.find(({ podUid }) => podUid === metadata.uid)
          if (own !== undefined && own.disk !== '') seen.set(node, own)
        }
        return seen.size === pods.size ? true : undefined
      })
      // In the order of the nodes, not of the answers.
      const views = new Map<string, ContainerView>()
      for (const node of pods.keys()) {
        const view = seen.get(node)
        if (view === undefined) {
          const fix = `look why its satellite did not report the pod: kubectl -n ${home} logs -l ${roleLabels.satellite}`
          return { broken: `${node}: no satellite checked it within ${patienceMs / 1000} s`, fix }
        }
        if (view.disk !== 'ok') return { broken: `${path} on ${node} is ${view.disk}` }
        views.set(node, view)
      }
      chain.views = views
      return byWords([...views.keys()].map((node) => ({ node, words: path })))
    }
  },
  {
    what: "the kernel's filter is that revision",
    fix: 'look at `secco ps -A -o wide`: the column WHY names what is in force instead',
    async prove({ hub, pods, digest }) {
      const found = await onEach(pods, async ({ metadata }, node) => {
        const isCanary = ({ podUid }: ContainerView) => podUid === metadata.uid
        return { node, words: await proveFilter(hub, isCanary, digest) }
      })
      return byWords(found)
    }
  },
  {
    what: 'a denial is recorded with its process',
    fix: 'run `secco doctor --node` on that node: recording syscalls or denials does not work there',
    async prove({ hub, views }) {
      const found = await onEach(views, async ({ id }, node) => {
        return { node, seen: await proveDenial(hub, id) }
      })
      const silent = found.find(({ seen }) => seen === undefined)
      if (silent !== undefined) {
        return { broken: `${silent.node}: not within ${patienceMs / 1000} s` }
      }
      return byWords(found.flatMap(({ seen }) => seen ?? []))
    }
  }
]
