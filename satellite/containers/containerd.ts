import { existsSync } from 'node:fs'
import {
  type CallOptions,
  type Client,
  credentials,
  Metadata,
  type ServiceError
} from '@grpc/grpc-js'
import { ContainersClient, type Container as StoredContainer } from './gen/containerd.js'
import { RuntimeServiceClient } from './gen/cri.js'
import { NamespacesClient } from './gen/namespaces.js'
import { type Process, Status, TasksClient } from './gen/tasks.js'
import { VersionClient } from './gen/version.js'
import { isSandbox, nameOf, podOf, sharedLabels } from './labels.js'
import { parseOciConfig } from './oci-config.js'
import { cgroupFolderOf, cgroupIdOf, mntnsOf } from './processes.js'
import type { Container, ContainerRuntime } from './runtime.js'

export const defaultContainerdSocket = '/run/containerd/containerd.sock'
const deadlineMs = 5000

type Unary<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void
) => unknown

/** Makes a unary call with a deadline; containerd reads its namespace from the metadata. */
function call<Req, Res>(method: Unary<Req, Res>, request: Req, namespace?: string): Promise<Res> {
  const metadata = new Metadata()
  if (namespace !== undefined) metadata.set('containerd-namespace', namespace)
  return new Promise((resolve, reject) => {
    method(request, metadata, { deadline: Date.now() + deadlineMs }, (error, response) => {
      if (error === null) resolve(response)
      else reject(error)
    })
  })
}

function toContainer(
  stored: StoredContainer,
  task: Process | undefined,
  docker: boolean
): Container {
  const config =
    stored.spec === undefined ? undefined : parseOciConfig(stored.spec.value.toString('utf8'))
  const labels = { ...config?.annotations, ...stored.labels }
  const alive = task !== undefined && task.status !== Status.STOPPED && task.pid > 0
  const mntns = alive ? mntnsOf(task.pid) : undefined
  const folder = alive ? cgroupFolderOf(task.pid) : undefined
  const cgroupId = folder === undefined ? undefined : cgroupIdOf(folder)
  const pod = podOf(labels)
  return {
    id: stored.id,
    runtime: docker ? 'docker' : 'containerd',
    name: nameOf(labels, stored.id),
    pid: alive ? task.pid : 0,
    status: !alive ? 'stopped' : task.status === Status.CREATED ? 'created' : 'running',
    labels,
    ...(stored.image === '' ? {} : { image: stored.image }),
    ...(mntns === undefined ? {} : { mntns }),
    ...(cgroupId === undefined ? {} : { cgroupId }),
    ...(pod === undefined ? {} : { pod }),
    ...(config?.seccomp === undefined ? {} : { seccomp: config.seccomp }),
    ...(config === undefined ? {} : { privileged: config.privileged })
  }
}

/** Adds the labels that identify a workload: CRI writes a pod's labels on its sandbox only. */
function withPodLabels(containers: readonly Container[]): Container[] {
  const byPod = new Map<string, Record<string, string>>()
  for (const { pod, labels } of containers) {
    if (pod !== undefined && isSandbox(labels)) byPod.set(pod.uid, sharedLabels(labels))
  }
  return containers.map((container) => {
    const shared = byPod.get(container.pod?.uid ?? '')
    return shared === undefined
      ? container
      : { ...container, labels: { ...shared, ...container.labels } }
  })
}

/**
 * Returns containerd as a runtime, with all its namespaces (docker's is `moby`, Kubernetes' `k8s.io`).
 * @param socket its gRPC socket; if it does not exist, nothing is listed.
 */
export function containerdRuntime(socket: string = defaultContainerdSocket): ContainerRuntime {
  const address = `unix:${socket}`
  const clients = new Set<Client>()
  const open = <C extends Client>(make: (address: string) => C): C => {
    const client = make(address)
    clients.add(client)
    return client
  }
  const insecure = credentials.createInsecure()
  let stubs: ReturnType<typeof connect> | undefined
  const connect = () => ({
    containers: open((to) => new ContainersClient(to, insecure)),
    tasks: open((to) => new TasksClient(to, insecure)),
    namespaces: open((to) => new NamespacesClient(to, insecure)),
    version: open((to) => new VersionClient(to, insecure)),
    cri: open((to) => new RuntimeServiceClient(to, insecure))
  })
  const present = (): ReturnType<typeof connect> | undefined => {
    if (!existsSync(socket)) return undefined
    stubs ??= connect()
    return stubs
  }
  const listNamespace = async (
    api: ReturnType<typeof connect>,
    namespace: string
  ): Promise<Container[]> => {
    const [stored, tasks] = await Promise.all([
      call(api.containers.list.bind(api.containers), { filters: [] }, namespace),
      call(api.tasks.list.bind(api.tasks), { filter: '' }, namespace)
    ])
    // A task's id is its container's; CONTAINER_ID is empty in older versions.
    const taskOf = new Map(tasks.tasks.map((task) => [task.containerId || task.id, task]))
    return withPodLabels(
      stored.containers.map((each) => toContainer(each, taskOf.get(each.id), namespace === 'moby'))
    )
  }
  const list = async (): Promise<Container[]> => {
    const api = present()
    if (api === undefined) return []
    const { namespaces } = await call(api.namespaces.list.bind(api.namespaces), {})
    return (await Promise.all(namespaces.map(({ name }) => listNamespace(api, name)))).flat()
  }
  const byId = async (id: string): Promise<Container | undefined> => {
    const api = present()
    if (api === undefined) return undefined
    const { namespaces } = await call(api.namespaces.list.bind(api.namespaces), {})
    for (const { name } of namespaces) {
      const found = await call(api.containers.get.bind(api.containers), { id }, name).catch(
        () => undefined
      )
      if (found?.container === undefined) continue
      const { tasks } = await call(api.tasks.list.bind(api.tasks), { filter: '' }, name)
      const task = tasks.find((one) => (one.containerId || one.id) === id)
      return toContainer(found.container, task, name === 'moby')
    }
    return undefined
  }
  return {
    name: 'containerd',
    list,
    byId,
    version: async () => {
      const api = present()
      if (api === undefined) return ''
      const own = await call(api.version.version.bind(api.version), {}).catch(() => undefined)
      if (own !== undefined) return own.version
      const cri = await call(api.cri.version.bind(api.cri), { version: '' }).catch(() => undefined)
      return cri?.runtimeVersion ?? ''
    },
    close: () => {
      for (const client of clients) client.close()
      clients.clear()
      stubs = undefined
    }
  }
}
