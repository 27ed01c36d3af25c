import {
  type CallOptions,
  type Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  status
} from '@grpc/grpc-js'
import { SeccoError } from '../../src/lib/errors.js'
import { ContainersClient } from './gen/containerd.js'
import { ContentClient, type ReadContentResponse } from './gen/content.js'
import { RuntimeServiceClient } from './gen/cri.js'
import { ImagesClient } from './gen/images.js'
import { NamespacesClient } from './gen/namespaces.js'
import { TasksClient } from './gen/tasks.js'
import { VersionClient } from './gen/version.js'

const deadlineMs = 5000
/** Manifests and configurations of images are smaller; whoever builds an image chooses their size. */
const longestBlob = 4 << 20

type Unary<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void
) => unknown

/** Returns the metadata and options of a call: containerd reads its namespace there, and each call has a deadline. */
function contextOf(namespace?: string): [Metadata, Partial<CallOptions>] {
  const metadata = new Metadata()
  if (namespace !== undefined) metadata.set('containerd-namespace', namespace)
  return [metadata, { deadline: Date.now() + deadlineMs }]
}

/** Makes a unary call, in a namespace of containerd if one is given. */
export function call<Req, Res>(
  method: Unary<Req, Res>,
  request: Req,
  namespace?: string
): Promise<Res> {
  return new Promise((resolve, reject) => {
    method(request, ...contextOf(namespace), (error, response) => {
      if (error === null) resolve(response)
      else reject(error)
    })
  })
}

function bytesOf(stream: ClientReadableStream<ReadContentResponse>): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let length = 0
    stream.on('data', ({ data }: ReadContentResponse) => {
      parts.push(data)
      length += data.length
      if (length <= longestBlob) return
      stream.cancel()
      reject(new SeccoError('TOO_LARGE', `a blob of more than ${longestBlob} bytes`))
    })
    stream.on('error', reject)
    stream.on('end', () => resolve(Buffer.concat(parts)))
  })
}

/** The services of a containerd. */
export class ContainerdClient {
  readonly #clients: Client[] = []
  readonly containers: ContainersClient
  readonly tasks: TasksClient
  readonly namespaces: NamespacesClient
  readonly version: VersionClient
  readonly images: ImagesClient
  readonly cri: RuntimeServiceClient
  readonly #content: ContentClient

  constructor(socket: string) {
    const address = `unix:${socket}`
    const insecure = credentials.createInsecure()
    const open = <C extends Client>(client: C): C => {
      this.#clients.push(client)
      return client
    }
    this.containers = open(new ContainersClient(address, insecure))
    this.tasks = open(new TasksClient(address, insecure))
    this.namespaces = open(new NamespacesClient(address, insecure))
    this.version = open(new VersionClient(address, insecure))
    this.images = open(new ImagesClient(address, insecure))
    this.cri = open(new RuntimeServiceClient(address, insecure))
    this.#content = open(new ContentClient(address, insecure))
  }

  /**
   * Returns a blob of the content store as text; undefined if it is not there.
   * @throws SeccoError TOO_LARGE, and what gRPC reports: a blob that is there but cannot be read is not a missing one
   */
  async blob(digest: string, namespace: string): Promise<string | undefined> {
    if (digest === '') return undefined
    try {
      const bytes = await bytesOf(this.#content.read({ digest }, ...contextOf(namespace)))
      return bytes.toString('utf8')
    } catch (error) {
      if ((error as Partial<ServiceError>).code === status.NOT_FOUND) return undefined
      throw error
    }
  }

  close(): void {
    for (const client of this.#clients) client.close()
  }
}
