import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { NodePrograms } from '../api-server-programs.js'
import { assertAlive, end, type Running } from '../child-program.js'
import { until } from '../until.js'
import type { ControlPlane } from './control-plane.js'
import type { Ground } from './ground.js'
import { cniConfig, containerdConfig, inside, kubeletConfig } from './node-configs.js'
import type { Pki } from './pki.js'

const run = promisify(execFile)

export interface NodeOptions {
  name: string
  /** Archives to import before the node is Ready. */
  images: readonly string[]
  /** As `kubelet --seccomp-default`. */
  seccompDefault?: boolean
  labels?: Record<string, string>
}

/** A kubelet with its containerd. Paths are this machine's; inside the node they are the usual ones. */
export interface RealNode {
  name: string
  address: string
  /** `/var/lib/kubelet` of the node. */
  kubeletRoot: string
  /** `/var/lib/kubelet/seccomp` of the node. */
  seccompRoot: string
  /** Manifests written here become static pods. */
  staticPods: string
  /** `/run/containerd/containerd.sock` of the node. */
  containerdSocket: string
  /** `runc --root` of its pods' containers. */
  runcRoot: string
  /** Its pods' cgroups are below this one, e.g. /secco-cluster-1/node-1. */
  cgroupRoot: string
  /** A process in the node's mount namespace: `nsenter --mount=/proc/PID/ns/mnt`. */
  mountsOf: number
  /** Host's process id of a pod's container, by the container's id of its status (with or without `containerd://`). */
  pidOf(containerId: string): Promise<number>
  importImage(file: string): Promise<void>
  ctr(...args: string[]): Promise<string>
  assertAlive(): void
  /** Ends kubelet and containerd; the node object stays and becomes NotReady. Containers run on. */
  halt(): Promise<void>
}

/** A mount namespace in which the machine's folders are the node's own; sysctls are files of it, too. */
const mounts = `set -e
mount --make-rshared /
for at in /run /var/lib /var/log; do mount --bind "$1$at" $at; done
mount -t bpf bpf /sys/fs/bpf
for name in vm/overcommit_memory kernel/panic kernel/panic_on_oops; do
  mount --bind "$1/sysctl/\${name##*/}" /proc/sys/$name
done
: >"$1/mounted"
exec sleep infinity`

/** What the kubelet wants to find in these; it would set them for the whole machine otherwise. */
const sysctls = { overcommit_memory: '1\n', panic: '10\n', panic_on_oops: '1\n' }

/** Starts the n-th node of a cluster; resolves when containerd has the images and the kubelet runs. */
export async function startNode(
  programs: NodePrograms,
  ground: Ground,
  pki: Pki,
  plane: Promise<ControlPlane>,
  number: number,
  options: NodeOptions
): Promise<RealNode> {
  const { name } = options
  const folder = join(ground.folder, name)
  const address = ground.nodeAddress(number)
  const host = (path: string): string => join(folder, path)
  const runc = '/run/containerd/runc/k8s.io'
  for (const path of [
    ...['run/containerd', 'run/lock', 'run/cni', 'var/log/pods', 'var/log/containers', 'sysctl'],
    ...['seccomp', 'static'].map((one) => join(inside.kubelet, one))
  ]) {
    await mkdir(host(path), { recursive: true })
  }
  for (const [key, value] of Object.entries(sysctls)) await writeFile(host(`sysctl/${key}`), value)
  await writeFile(host('containerd.toml'), containerdConfig())
  await writeFile(host(`${inside.cni}/10-secco.conflist`), cniConfig(ground, number))
  const place = `${name}/system`
  await ground.makeCgroup(place)
  const cgroupRoot = `/${ground.cgroup}/${name}`
  await ground.addAddress(address)

  const unshare = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mounts, 'sh']
  const holder = ground.start(`mounts of ${name}`, [...unshare, folder], { cgroup: place })
  const mountsOf = holder.child.pid ?? 0
  await until(`the mounts of ${name}`, async () => {
    assertAlive(holder)
    return (await readFile(host('mounted')).catch(() => undefined)) === undefined ? undefined : true
  })
  const running: Running[] = [holder]
  const here = { cgroup: place, mountsOf }
  const containerd = ground.start(
    `containerd of ${name}`,
    ['containerd', '--config', host('containerd.toml')],
    here
  )
  running.push(containerd)
  const containerdSocket = host(inside.socket)
  const ctr = async (...args: string[]): Promise<string> => {
    const all = ['--address', containerdSocket, '--namespace', 'k8s.io', ...args]
    return (await run('ctr', all, { maxBuffer: 1 << 26 })).stdout
  }
  await until(
    `containerd of ${name}`,
    async () => {
      assertAlive(containerd)
      return (await ctr('images', 'list')) === '' ? undefined : true
    },
    { timeoutMs: 180_000, everyMs: 50 }
  )
  const importImage = async (file: string): Promise<void> => {
    await ctr('images', 'import', file)
  }
  const imported = Promise.all(options.images.map(importImage))

  const pair = await pki.issue(`kubelet-${name}`, {
    commonName: `system:node:${name}`,
    organization: 'system:nodes',
    names: [name, address]
  })
  const [servers] = await Promise.all([plane, imported])
  const config = host('kubelet.json')
  await writeFile(
    config,
    kubeletConfig({
      address,
      cgroupRoot,
      clusterDns: ground.serverAddress.replace(/\.1$/, '.10'),
      caPath: pki.caPath,
      ...pair,
      seccompDefault: options.seccompDefault ?? false,
      maxPods: 110
    })
  )
  const labels = Object.entries(options.labels ?? {}).map((pairOf) => pairOf.join('='))
  const kubelet = ground.start(
    `kubelet of ${name}`,
    [
      programs.kubelet,
      `--config=${config}`,
      `--kubeconfig=${await servers.kubeconfig(`kubelet-${name}`, pair)}`,
      `--hostname-override=${name}`,
      `--node-ip=${address}`,
      `--root-dir=${inside.kubelet}`,
      ...(labels.length === 0 ? [] : [`--node-labels=${labels.join(',')}`])
    ],
    here
  )
  running.push(kubelet)
  return {
    name,
    address,
    kubeletRoot: host(inside.kubelet),
    seccompRoot: host(join(inside.kubelet, 'seccomp')),
    staticPods: host(join(inside.kubelet, 'static')),
    containerdSocket,
    runcRoot: host(runc),
    cgroupRoot,
    mountsOf,
    pidOf: async (containerId) => {
      const id = containerId.replace('containerd://', '')
      const text = await readFile(join(host(runc), id, 'state.json'), 'utf8')
      return (JSON.parse(text) as { init_process_pid: number }).init_process_pid
    },
    importImage,
    ctr,
    assertAlive: () => {
      for (const one of running) assertAlive(one)
    },
    halt: async () => {
      await end(kubelet)
      await end(containerd)
      await rm(containerdSocket, { force: true })
    }
  }
}
