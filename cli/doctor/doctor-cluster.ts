import { apiVersion } from '../../src/api/names.js'
import { errorKinds, toSeccoError } from '../../src/lib/errors.js'
import { openClusterHub } from '../hubs/cluster-hub.js'
import { askHub } from '../hubs/hub-api.js'
import {
  canaryContainer as container,
  canaryName as name,
  canaryPod,
  canaryPods,
  cleanUp,
  found,
  insteadOf,
  makeRoom,
  type Pod,
  profilePath
} from './doctor-cluster-canary.js'
import { canaryProfile, deliveredTo } from './doctor-canary.js'
import { type Chain, type ClusterDoctorOptions, placeOf } from './doctor-cluster-chain.js'
import { chooseNodes, isReady, type Node, nodesText, untriedText } from './doctor-cluster-nodes.js'
import { podLinks } from './doctor-cluster-pods.js'
import { notServing, readyText, type Workload } from './doctor-cluster-programs.js'
import { hubChecks, noHub, printHubChecks } from './doctor-hub-checks.js'
import {
  type Broken,
  conclude,
  eventually,
  type Link,
  promptMs,
  type Step,
  walkLinks
} from './doctor-links.js'
import { commonLabels, names, namespace as home, roleLabels } from '../install/names.js'
import { type Io, paint } from '../lib/io.js'
import { loadKubeconfig } from '../lib/open-store.js'

const apply = 'secco install --image IMAGE | kubectl apply -f -'
const machines: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' }

const links: readonly Link<Chain>[] = [
  {
    what: 'Secco is installed, and its programs are ready',
    fix: 'check that the API server answers: kubectl version',
    async prove(chain) {
      const query = {
        labelSelector: `app.kubernetes.io/name=${commonLabels['app.kubernetes.io/name']}`
      }
      const of = async (kind: string): Promise<Workload[]> => {
        const path = `/apis/apps/v1/namespaces/${home}/${kind}`
        return ((await chain.call('GET', path, { query })) as { items: Workload[] }).items
      }
      const [deployments, daemonSets] = [await of('deployments'), await of('daemonsets')]
      const satellites = daemonSets.find(({ metadata }) => metadata.name === names.satellite)
      if (deployments.length === 0 || satellites === undefined) {
        const what = deployments.length === 0 ? 'no webhook and no hub' : 'no satellites'
        return { broken: `there are ${what} in namespace ${home}`, fix: apply }
      }
      chain.satellite = satellites.spec.template.spec
      return notServing(deployments) ?? [...deployments, satellites].map(readyText).join(', ')
    }
  },
  {
    what: 'every replica of the hub answers, and every node has a satellite',
    fix: `see why: kubectl -n ${home} get pods -o wide; on the node: secco doctor --node`,
    async prove(chain) {
      const { kubeconfig, token } = chain.options
      chain.hub = await openClusterHub(kubeconfig, token)
      for (const replica of chain.hub.replicas) await askHub(replica, '/api/v1/nodes')
      const { items } = (await chain.call('GET', '/api/v1/nodes')) as { items: Node[] }
      const up = items.filter(isReady)
      if (up.length === 0) return { broken: 'no node is Ready', fix: 'kubectl get nodes' }
      chain.nodes = chooseNodes(items, chain.options.most)
      chain.machine = machines[chain.nodes.arch] ?? chain.nodes.arch
      let lacking: string[] = up.map(({ metadata }) => metadata.name)
      await eventually(async () => {
        const known = await chain.hub.list<{ name: string; connected: boolean }>('/api/v1/nodes')
        const there = new Set(known.filter(({ connected }) => connected).map((one) => one.name))
        lacking = up.map(({ metadata }) => metadata.name).filter((one) => !there.has(one))
        return lacking.length === 0 ? true : undefined
      }, promptMs)
      const [first] = lacking
      if (first === undefined) return nodesText(up.map(({ metadata }) => metadata.name))
      const fix = `kubectl -n ${home} get pods -l ${roleLabels.satellite} -o wide; on ${first}: secco doctor --node`
      return { broken: `no satellite of ${lacking.slice(0, 5).join(', ')} is connected`, fix }
    }
  },
  {
    what: 'the API server is configured to call the webhook',
    fix: apply,
    async prove({ call }) {
      const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${names.configuration}`
      const configuration = await found<{
        webhooks?: { failurePolicy?: string; clientConfig: { caBundle?: string } }[]
      }>(call('GET', path))
      const [own] = configuration?.webhooks ?? []
      if (own === undefined) {
        const broken = `there is no MutatingWebhookConfiguration ${names.configuration}: no pod is patched`
        return { broken, fix: apply }
      }
      if ((own.clientConfig.caBundle ?? '') === '') {
        const fix = `look why the webhook did not write it: kubectl -n ${home} logs -l ${roleLabels.admission}`
        return {
          broken: 'the webhook configuration has no caBundle, so the API server trusts no answer',
          fix
        }
      }
      return `${names.configuration}, failurePolicy ${own.failurePolicy ?? 'Fail'}`
    }
  },
  {
    what: 'a profile becomes a revision that every node has',
    fix: 'find the node that is away or cannot write: secco get profiles -A -o wide; secco get nodes',
    async prove(chain) {
      await makeRoom(chain.call)
      const workload = { kind: 'Pod', name, container } as const
      const profile = canaryProfile({ namespace: name, name }, workload, chain.machine)
      await chain.call('POST', `/apis/${apiVersion}/namespaces/${name}/seccompprofiles`, {
        body: profile
      })
      const state = await deliveredTo(chain.hub, { namespace: name, name })
      if (state === undefined) return undefined
      chain.digest = state.digest
      chain.path = state.path
      return state.digest.slice(0, 19)
    }
  },
  {
    what: 'the webhook patches a pod that asks for it',
    fix: `look at its audit lines: kubectl -n ${home} logs -l ${roleLabels.admission}`,
    async prove(chain) {
      let why: Broken = { broken: 'the API server created no pod' }
      const body = canaryPod(placeOf(chain), chain.nodes.tried[0] ?? '')
      // The webhook updates its snapshot a moment after the nodes have the file.
      const patched = await eventually(async () => {
        try {
          const query = { dryRun: 'All' }
          const pod = (await chain.call('POST', canaryPods, { query, body })) as Pod
          if (profilePath(pod) === chain.path) return pod
          why = insteadOf(pod)
        } catch (error) {
          why = { broken: toSeccoError(error).message }
        }
        return undefined
      }, promptMs)
      return patched === undefined ? why : chain.path
    }
  },
  ...podLinks
]

/** Returns the link with the change that an error with a hint of its own replaces the fix of the link. */
function withHints(link: Link<Chain>): Link<Chain> {
  return {
    ...link,
    async prove(chain) {
      try {
        return await link.prove(chain)
      } catch (error) {
        const { code, message, hint } = toSeccoError(error)
        return { broken: message, ...(hint === errorKinds[code].hint ? {} : { fix: hint }) }
      }
    }
  }
}

/**
 * `secco doctor --kubeconfig`: proves the chain in a cluster with a real pod on each node: API server, webhook, patch,
 * file, kernel filter, denial. It needs the permissions to create a namespace, and a pod and an approved profile in it.
 * It removes everything that it made.
 * @returns 0 when every link holds, otherwise 1.
 * @throws SeccoError for a kubeconfig that cannot be used
 */
export async function runClusterDoctor(io: Io, options: ClusterDoctorOptions): Promise<number> {
  const config = await loadKubeconfig(options.kubeconfig)
  const { createApiCall } = await import('../../src/store/kubernetes-call.js')
  const call = createApiCall(config)
  const chain: Chain = {
    ...{
      options,
      call,
      hub: noHub,
      satellite: { containers: [] },
      machine: '',
      digest: '',
      path: ''
    },
    ...{ nodes: { tried: [], untried: [], arch: '' }, pods: new Map(), views: new Map() }
  }
  let steps: Step[] = []
  try {
    steps = await walkLinks(io, options.output, links.map(withHints), chain, options.signal)
  } finally {
    await cleanUp(call)
  }
  const { tried, untried } = chain.nodes
  const checks = await hubChecks(chain.hub)
  const code = conclude(io, options.output, steps, { tried, untried, checks })
  if (options.output === 'table' && untried.length > 0) {
    io.stdout(`${paint(io, 'yellow', `not tried: ${untriedText(untried)}`)}\n`)
  }
  if (options.output === 'table') printHubChecks(io, checks)
  return code
}
