import { existsSync } from 'node:fs'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import {
  believedAnnotations,
  kubeletLabels,
  withoutImageLabels,
  withoutReserved
} from './believed.js'
import { call, ContainerdClient } from './containerd-client.js'
import { type CriRecord, criRecordOf } from './cri-record.js'
import type { Container as StoredContainer } from './gen/containerd.js'
import { type Process, Status } from './gen/tasks.js'
import { imageDigestOf, ImageLabels } from './image-labels.js'
import { nameOf, podOf, sharedLabels } from './labels.js'
import { parseOciConfig } from './oci-config.js'
import { cgroupFolderOf, cgroupIdOf, mntnsOf } from './processes.js'
import type { Container, ContainerRuntime, PodRef } from './runtime.js'

export const defaultContainerdSocket = '/run/containerd/containerd.sock'

/** A container of one namespace, and what was read of it. */
interface Listed {
  namespace: string
  stored: StoredContainer
  task: Process | undefined
  record: CriRecord | undefined
}

/** Returns the pod and the labels of a container of CRI, from CRI's own records of it and of its sandbox. */
function criFacts(
  record: CriRecord,
  sandbox: CriRecord | undefined,
  annotations: Record<string, string>
): { labels: Record<string, string>; pod: PodRef | undefined } {
  const labels = {
    ...sharedLabels(sandbox?.labels ?? {}),
    ...believedAnnotations('cri', annotations),
    ...kubeletLabels(record.labels),
    'io.cri-containerd.kind': record.kind,
    ...(record.name === '' ? {} : { 'io.kubernetes.container.name': record.name })
  }
  return { labels, pod: sandbox?.pod ?? podOf(labels) }
}

function toContainer(
  { namespace, stored, task, record }: Listed,
  own: Record<string, string>,
  sandbox: CriRecord | undefined
): Container {
  const config =
    stored.spec === undefined ? undefined : parseOciConfig(stored.spec.value.toString('utf8'))
  const annotations = config?.annotations ?? {}
  const { labels, pod } =
    record === undefined
      ? { labels: { ...believedAnnotations('containerd', annotations), ...own }, pod: undefined }
      : criFacts(record, sandbox, annotations)
  const alive = task !== undefined && task.status !== Status.STOPPED && task.pid > 0
  const mntns = alive ? mntnsOf(task.pid) : undefined
  const folder = alive ? cgroupFolderOf(task.pid) : undefined
  const cgroupId = folder === undefined ? undefined : cgroupIdOf(folder)
  return {
    id: stored.id,
    runtime: namespace === 'moby' ? 'docker' : 'containerd',
    name: nameOf(labels, stored.id),
    pid: alive ? task.pid : 0,
    status: !alive ? 'stopped' : task.status === Status.CREATED ? 'created' : 'running',
    labels,
    ...(stored.image === '' ? {} : { image: stored.image }),
    ...imageDigestOf(record?.image),
    ...(mntns === undefined ? {} : { mntns }),
    ...(cgroupId === undefined ? {} : { cgroupId }),
    ...(pod === undefined ? {} : { pod }),
    ...(config?.seccomp === undefined ? {} : { seccomp: config.seccomp }),
    ...(config === undefined ? {} : { privileged: config.privileged })
  }
}

/** Containers whose own labels are kept: the name of their image may get another image later. */
const keptAtMost = 4096

const msOf = (time: { seconds: number; nanos: number } | undefined): number =>
  (time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6

class ContainerdRuntime implements ContainerRuntime {
  readonly name = 'containerd'
  readonly #socket: string
  readonly #images = new ImageLabels()
  /** Labels of containers whose image could be read. */
  readonly #own = new Map<string, Record<string, string>>()
  #client: ContainerdClient | undefined

  constructor(socket: string) {
    this.#socket = socket
  }

  async list(): Promise<Container[]> {
    const client = this.#connect()
    if (client === undefined) return []
    const namespaces = await this.#namespaces(client)
    return (await Promise.all(namespaces.map((name) => this.#listOne(client, name)))).flat()
  }

  async byId(id: string): Promise<Container | undefined> {
    const client = this.#connect()
    if (client === undefined) return undefined
    for (const namespace of await this.#namespaces(client)) {
      const stored = await this.#get(client, namespace, id)
      if (stored === undefined) continue
      const tasks = await this.#tasks(client, namespace)
      const record = criRecordOf(stored, namespace)
      const ofSandbox =
        record?.kind === 'container' ? await this.#get(client, namespace, record.sandbox) : stored
      const sandbox = ofSandbox === undefined ? undefined : criRecordOf(ofSandbox, namespace)
      const one = { namespace, stored, task: tasks.get(id), record }
      return toContainer(one, await this.#ownLabels(client, one), sandbox)
    }
    return undefined
  }

  async version(): Promise<string> {
    const client = this.#connect()
    if (client === undefined) return ''
    const { version, cri } = client
    const own = await call(version.version.bind(version), {}).catch(() => undefined)
    if (own !== undefined) return own.version
    const runtime = await call(cri.version.bind(cri), {}).catch(() => undefined)
    return runtime?.runtimeVersion ?? ''
  }

  close(): void {
    this.#client?.close()
    this.#client = undefined
  }

  #connect(): ContainerdClient | undefined {
    if (!existsSync(this.#socket)) return undefined
    this.#client ??= new ContainerdClient(this.#socket)
    return this.#client
  }

  async #namespaces({ namespaces }: ContainerdClient): Promise<string[]> {
    const answer = await call(namespaces.list.bind(namespaces), {})
    return answer.namespaces.map(({ name }) => name)
  }

  /** A container of a namespace; undefined if it is not there, or containerd does not answer. */
  async #get(
    { containers }: ContainerdClient,
    namespace: string,
    id: string
  ): Promise<StoredContainer | undefined> {
    const answer = call(containers.get.bind(containers), { id }, namespace)
    return (await answer.catch(() => undefined))?.container
  }

  /** The tasks of a namespace, by the ids of their containers. */
  async #tasks({ tasks }: ContainerdClient, namespace: string): Promise<Map<string, Process>> {
    const answer = await call(tasks.list.bind(tasks), {}, namespace)
    // A task's id is its container's; CONTAINER_ID is empty in older versions.
    return new Map(answer.tasks.map((task) => [task.containerId || task.id, task]))
  }

  async #listOne(client: ContainerdClient, namespace: string): Promise<Container[]> {
    const { containers } = client
    const [answer, tasks] = await Promise.all([
      call(containers.list.bind(containers), {}, namespace),
      this.#tasks(client, namespace)
    ])
    const all: Listed[] = answer.containers.map((stored) => {
      const record = criRecordOf(stored, namespace)
      return { namespace, stored, task: tasks.get(stored.id), record }
    })
    const sandboxes = new Map<string, CriRecord>()
    for (const { record } of all) {
      if (record?.kind === 'sandbox') sandboxes.set(record.sandbox, record)
    }
    return Promise.all(
      all.map(async (one) =>
        toContainer(
          one,
          await this.#ownLabels(client, one),
          sandboxes.get(one.record?.sandbox ?? '')
        )
      )
    )
  }

  /** The labels that the person who started a container gave it; CRI has its own record of them. */
  async #ownLabels(
    client: ContainerdClient,
    { namespace, stored, record }: Listed
  ): Promise<Record<string, string>> {
    if (record !== undefined || Object.keys(stored.labels).length === 0) return {}
    // Without an image there is nobody else who could have written them.
    if (stored.image === '') return withoutReserved(stored.labels)
    const key = [namespace, stored.id, msOf(stored.createdAt), JSON.stringify(stored.labels)].join()
    const known = this.#own.get(key)
    if (known !== undefined) return known
    const ofImage = await this.#imageLabels(client, namespace, stored)
    const own = withoutReserved(withoutImageLabels(stored.labels, ofImage))
    if (ofImage !== undefined) this.#own.set(key, own)
    dropOldest(this.#own, keptAtMost)
    return own
  }

  /** The labels of a container's image; undefined if they cannot be read. */
  async #imageLabels(
    client: ContainerdClient,
    namespace: string,
    stored: StoredContainer
  ): Promise<readonly Record<string, string>[] | undefined> {
    const { images } = client
    const answer = await call(images.get.bind(images), { name: stored.image }, namespace).catch(
      () => undefined
    )
    const image = answer?.image
    // The name belongs to another image since then: the container's own cannot be found any more.
    if (image === undefined || msOf(image.updatedAt) > msOf(stored.createdAt)) return undefined
    return this.#images.ofContent(image.target?.digest ?? '', (digest) =>
      client.blob(digest, namespace)
    )
  }
}

/**
 * Returns containerd as a runtime, with all its namespaces (docker's is `moby`, Kubernetes' `k8s.io`).
 * @param socket its gRPC socket; if it does not exist, nothing is listed.
 */
export function containerdRuntime(socket: string = defaultContainerdSocket): ContainerRuntime {
  return new ContainerdRuntime(socket)
}
