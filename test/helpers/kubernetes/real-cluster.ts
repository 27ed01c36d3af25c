import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { NodePrograms } from '../api-server-programs.js'
import type { Json, Kube } from '../kube.js'
import { until } from '../until.js'
import { type ControlPlane, startControlPlane } from './control-plane.js'
import { breakGround, type Ground } from './ground.js'
import { startNode, type NodeOptions, type RealNode } from './node.js'
import { makePki } from './pki.js'
import { startServiceNetwork } from './service-network.js'
import { testImages } from './test-images.js'

const run = promisify(execFile)

/** A whole Kubernetes cluster on this machine, with nodes that run pods. `stop()` leaves nothing of it. */
export interface RealCluster {
  url: string
  kube: Kube
  caPem: string
  /** For the same identity as `kube`: a member of system:masters. */
  kubeconfig: string
  /** Writes a kubeconfig with a client certificate for a person of that name, who has no rights yet; gives its path. */
  certificateFor(person: string): Promise<string>
  ground: Ground
  nodes: readonly RealNode[]
  /** The node of that name, or the first. */
  node(name?: string): RealNode
  addNode(options: Partial<NodeOptions> & { name: string }): Promise<RealNode>
  restartApiServer(): Promise<void>
  /** Runs kubectl as the administrator; gives its standard output, rejects with its error. */
  kubectl(...args: string[]): Promise<string>
  /** See ControlPlane. */
  failedOpen(): string[]
  stop(): Promise<void>
}

interface RealClusterOptions {
  programs: NodePrograms
  /** Default: one, called node-1. */
  nodes?: readonly (Partial<NodeOptions> & { name: string })[]
  /** Image archives that every node gets, beside pause and the test image (test-images.ts). */
  images?: readonly string[]
  apiServerFlags?: readonly string[]
  /** What goes on, for a person. */
  say?: (line: string) => void
  /** Gives the start up: nothing of the cluster is left when the promise rejects. */
  signal?: AbortSignal
}

/** A true reason why no node can run here, or undefined. */
export function whyNoNode(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root: a node needs mounts, cgroups and a bridge'
  const path = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
  const programs = ['containerd', 'ctr', 'runc', 'ip', 'unshare', 'nsenter', 'busybox', 'gcc']
  const missing = programs.filter((name) => !path.some((folder) => existsSync(join(folder, name))))
  if (!existsSync('/usr/lib/cni/bridge')) missing.push('/usr/lib/cni/bridge')
  return missing.length === 0 ? undefined : `a node needs ${missing.join(', ')}`
}

/**
 * Starts etcd, kube-apiserver, kube-controller-manager, kube-scheduler and per node a containerd and a
 * kubelet; resolves when every node is Ready and pods can be created in `default`.
 *
 * Each node has a mount namespace of its own in which /run, /var/lib, /var/log and /sys/fs/bpf are its own:
 * manifests written for any node fit (`/var/lib/kubelet/seccomp`, `/run/containerd/containerd.sock`), several
 * nodes and clusters stand side by side, and the machine's sysctls stay as they are. Pods, nodes and services
 * have addresses of one bridge that the machine reaches. There is no kube-proxy: the API server dials webhooks
 * at their pods (--enable-aggregator-routing), and service-network.ts answers for services and DNS.
 * All nodes have one kernel: each satellite's recorder meets the other nodes' containers too, and cannot name them.
 * Everything is in one tree of cgroups and ends with this process, also when it is killed.
 */
export async function startRealCluster(options: RealClusterOptions): Promise<RealCluster> {
  const { programs, say = () => undefined, signal } = options
  signal?.throwIfAborted()
  const started = Date.now()
  const tell = (what: string): void =>
    say(`${((Date.now() - started) / 1000).toFixed(1)} s  ${what}`)
  const ground = await breakGround()
  const closers: (() => Promise<void>)[] = []
  let starting: Promise<RealNode>[] = []
  const kill = (): void => void ground.kill()
  signal?.addEventListener('abort', kill)
  async function stop(): Promise<void> {
    for (const close of closers.splice(0).reverse()) await close()
    await ground.remove()
  }
  try {
    const pki = await makePki(join(ground.folder, 'pki'), [
      ...['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
      ...['kubernetes.default.svc.cluster.local', '127.0.0.1', ground.serverAddress]
    ])
    const images = [...(await testImages()), ...(options.images ?? [])]
    signal?.throwIfAborted()
    const planeStarting = startControlPlane(programs, ground, pki, options.apiServerFlags)
    const nodes: RealNode[] = []
    const add = async (
      plane: Promise<ControlPlane>,
      number: number,
      one: Partial<NodeOptions> & { name: string }
    ): Promise<RealNode> => {
      const all = [...images, ...(one.images ?? [])]
      return await startNode(programs, ground, pki, plane, number, { ...one, images: all })
    }
    const first = options.nodes ?? [{ name: 'node-1' }]
    starting = first.map(async (one, at) => await add(planeStarting, at + 1, one))
    // The first failure is the one to be told, not what follows from it.
    starting.forEach((one) => void one.catch(() => undefined))
    const plane = await planeStarting
    signal?.throwIfAborted()
    tell('the API server serves')
    const admin = { commonName: 'admin', organization: 'system:masters' }
    const kubeconfig = await plane.kubeconfig('admin', await pki.issue('admin', admin))
    const network = await startServiceNetwork(ground, plane.kube)
    closers.push(() => network.close())
    nodes.push(...(await Promise.all(starting)))
    tell('kubelets run')
    signal?.throwIfAborted()

    async function ready(node: RealNode): Promise<void> {
      await until(
        `${node.name} to be Ready`,
        async () => {
          node.assertAlive()
          plane.assertAlive()
          const object = await plane.kube.do('GET', `/api/v1/nodes/${node.name}`)
          const status = object['status'] as { conditions?: Json[] }
          return status.conditions?.some(
            (one) => one['type'] === 'Ready' && one['status'] === 'True'
          )
            ? true
            : undefined
        },
        { timeoutMs: 120_000, everyMs: 100 }
      )
    }
    await Promise.all(nodes.map(ready))
    tell('nodes are Ready')
    await until(
      'the default service account',
      async () => {
        plane.assertAlive()
        const path = '/api/v1/namespaces/default/serviceaccounts/default'
        return (await plane.kube.call('GET', path)).status === 200 ? true : undefined
      },
      { timeoutMs: 180_000, everyMs: 50 }
    )
    tell('pods can be created')
    signal?.throwIfAborted()
    return {
      url: plane.url,
      kube: plane.kube,
      caPem: pki.caPem,
      kubeconfig,
      certificateFor: async (person) =>
        await plane.kubeconfig(person, await pki.issue(person, { commonName: person })),
      ground,
      nodes,
      node: (name) => {
        const found = name === undefined ? nodes[0] : nodes.find((one) => one.name === name)
        if (found === undefined) throw new Error(`there is no node ${name ?? ''}`)
        return found
      },
      addNode: async (one) => {
        const node = await add(Promise.resolve(plane), nodes.length + 1, one)
        nodes.push(node)
        await ready(node)
        return node
      },
      restartApiServer: () => plane.restartApiServer(),
      kubectl: async (...args) => {
        const all = ['--kubeconfig', kubeconfig, ...args]
        const env = { PATH: process.env['PATH'], HOME: ground.folder }
        return (await run(programs.kubectl, all, { env, maxBuffer: 1 << 26 })).stdout
      },
      failedOpen: () => plane.failedOpen(),
      stop
    }
  } catch (error) {
    // A node that is still starting would write into the folder after its removal.
    await ground.kill()
    await Promise.allSettled(starting)
    await stop()
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', kill)
  }
}
