import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { Client, credentials } from '@grpc/grpc-js'
import { type ImageConfig, ociArchive } from '../../image/oci-archive.js'
import { makeRootfs, run } from './runc-bundle.js'

/** Fields of a message of CRI (k8s.io/cri-api, runtime/v1/api.proto) with their numbers. */
type Fields = readonly (readonly [number, string | number | Fields | undefined])[]

function encode(fields: Fields): Uint8Array {
  const writer = new BinaryWriter()
  for (const [number, value] of fields) {
    if (typeof value === 'number') writer.uint32(number << 3).int32(value)
    else if (typeof value === 'string') writer.uint32((number << 3) | 2).string(value)
    else if (value !== undefined) writer.uint32((number << 3) | 2).bytes(encode(value))
  }
  return writer.finish()
}

const mapOf = (number: number, entries: Record<string, string>): Fields =>
  Object.entries(entries).map(([key, value]) => [
    number,
    [
      [1, key],
      [2, value]
    ]
  ])

/** Field 1 of an answer: an id. */
function idIn(bytes: Uint8Array): string {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    if (number === 1) return reader.string()
    reader.skip(type)
  }
  return ''
}

export interface TestPod {
  namespace: string
  name: string
  uid: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

export interface Cri {
  socket: string
  /** Root of runc's state for CRI's containers and, with `ctr` below, for others. */
  runcRoot: string
  ctr: (...args: string[]) => Promise<unknown>
  /** Builds an image with /probe, and imports it into a namespace of containerd. */
  addImage(name: string, config: ImageConfig, namespace?: string): Promise<void>
  /** Starts a sandbox as the kubelet does, on the host's network; gives its id. */
  runPod(pod: TestPod): Promise<string>
  /** Starts a container in it as the kubelet does; gives its id. */
  runContainer(sandbox: string, pod: TestPod, name: string, image: string): Promise<string>
  stop(): Promise<void>
}

const pause = 'docker.io/library/secco-pause:1'
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
const node = 2

function configOf(folder: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  return `version = 2
root = "${join(folder, 'root')}"
state = "${join(folder, 'state')}"
[grpc]
  address = "${join(folder, 'c.sock')}"
[ttrpc]
  address = "${join(folder, 't.sock')}"
[${cri}]
  sandbox_image = "${pause}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  stream_server_address = "127.0.0.1"
[${cri}.cni]
  bin_dir = "${folder}"
  conf_dir = "${folder}"
[${cri}.containerd]
  snapshotter = "native"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  pod_annotations = ["*"]
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
  Root = "${join(folder, 'runc')}"
`
}

async function startDaemon(folder: string): Promise<() => Promise<void>> {
  const config = join(folder, 'config.toml')
  await writeFile(config, configOf(folder))
  const daemon = spawn('containerd', ['--config', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  const gone = once(daemon, 'exit')
  let log = ''
  await new Promise<void>((resolve, reject) => {
    daemon.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString()
      if (log.includes('containerd successfully booted')) resolve()
    })
    daemon.once('exit', () => reject(new Error(log)))
  })
  return async () => {
    daemon.kill('SIGTERM')
    await gone
  }
}

/** The labels and annotations that the kubelet gives to a sandbox (pkg/kubelet/kuberuntime/labels.go). */
const sandboxConfig = ({ namespace, name, uid, labels, annotations }: TestPod): Fields => [
  [
    1,
    [
      [1, name],
      [2, uid],
      [3, namespace]
    ]
  ],
  ...mapOf(6, { ...labels, ...kubeletLabels({ namespace, name, uid }) }),
  ...mapOf(7, annotations ?? {}),
  [8, [[2, [[1, [[1, node]]]]]]]
]

const kubeletLabels = ({ namespace, name, uid }: TestPod): Record<string, string> => ({
  'io.kubernetes.pod.namespace': namespace,
  'io.kubernetes.pod.name': name,
  'io.kubernetes.pod.uid': uid
})

/** Starts a containerd with its CRI plugin below `folder`, which has to be short: sockets have 107 bytes. */
export async function startCri(folder: string): Promise<Cri> {
  await mkdir(folder, { recursive: true })
  const end = await startDaemon(folder)
  const socket = join(folder, 'c.sock')
  const runcRoot = join(folder, 'runc')
  const client = new Client(`unix:${socket}`, credentials.createInsecure())
  const call = (method: string, request: Fields): Promise<string> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `/runtime.v1.RuntimeService/${method}`,
        (value: Fields) => Buffer.from(encode(value)),
        (bytes: Buffer) => bytes,
        request,
        (error, answer) => {
          if (error === null) resolve(idIn(answer ?? Buffer.alloc(0)))
          else reject(new Error(`${method}: ${error.message}`))
        }
      )
    })
  const ctr = (...args: string[]) => run('ctr', ['--address', socket, ...args])
  const rootfs = await makeRootfs()
  const probe = await readFile(join(rootfs, 'probe'))
  await rm(dirname(rootfs), { recursive: true })
  const addImage: Cri['addImage'] = async (name, config, namespace = 'k8s.io') => {
    const file = { kind: 'file', path: 'probe', mode: 0o755, content: probe } as const
    const { archive } = await ociArchive({ name, architecture, config, layers: [[file]] })
    const path = join(folder, 'image.tar')
    await writeFile(path, archive)
    await ctr('--namespace', namespace, 'images', 'import', '--snapshotter', 'native', path)
  }
  await addImage(pause, { Entrypoint: ['/probe', 'wait'] })
  const sandboxes: string[] = []
  return {
    ...{ socket, runcRoot, ctr, addImage },
    async runPod(pod) {
      const id = await call('RunPodSandbox', [[1, sandboxConfig(pod)]])
      sandboxes.push(id)
      return id
    },
    async runContainer(sandbox, pod, name, image) {
      const config: Fields = [
        [1, [[1, name]]],
        [2, [[1, image]]],
        [3, '/probe'],
        [4, 'getpgid'],
        [4, 'wait'],
        ...mapOf(9, { ...kubeletLabels(pod), 'io.kubernetes.container.name': name }),
        [15, [[2, [[3, [[1, node]]]]]]]
      ]
      const id = await call('CreateContainer', [
        [1, sandbox],
        [2, config],
        [3, sandboxConfig(pod)]
      ])
      await call('StartContainer', [[1, id]])
      return id
    },
    async stop() {
      for (const id of sandboxes) {
        await call('StopPodSandbox', [[1, id]])
        await call('RemovePodSandbox', [[1, id]])
      }
      client.close()
      await end()
    }
  }
}
