import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { withoutImageLabels, withoutReserved } from './believed.js'
import { imageDigestOf, ImageLabels } from './image-labels.js'
import { isRecord, stringsOf } from './json.js'
import { podOf } from './labels.js'
import type { Container, ContainerRuntime } from './runtime.js'

type Labels = Record<string, string>

const defaultDockerSocket = '/var/run/docker.sock'

/** Sends a GET to the engine's socket (Docker Engine API v1.24 and later); undefined if it does not answer. */
async function get(socket: string, path: string): Promise<unknown> {
  if (!existsSync(socket)) return undefined
  return new Promise((resolve) => {
    const sent = request({ socketPath: socket, path, timeout: 5000 }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => resolve(undefined))
      response.on('end', () => {
        try {
          resolve(
            response.statusCode === 200 ? JSON.parse(Buffer.concat(chunks).toString()) : undefined
          )
        } catch {
          resolve(undefined)
        }
      })
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(undefined))
    sent.end()
  })
}

/** The labels of Kubernetes on a container that cri-dockerd created. */
const kubeletNames = {
  container: 'io.kubernetes.container.name',
  pod: 'io.kubernetes.pod.name',
  namespace: 'io.kubernetes.pod.namespace',
  uid: 'io.kubernetes.pod.uid',
  type: 'io.kubernetes.docker.type'
} as const

/**
 * Returns the labels of Kubernetes that cri-dockerd gave a container: it repeats them in the container's name
 * (core/naming.go), which no image can choose.
 */
function labelsByName(name: string, labels: Labels): Labels {
  const [k8s, container, pod, namespace, uid, attempt, ...more] = name.split('_')
  if (k8s !== 'k8s' || attempt === undefined || more.length > 0) return {}
  const isSandbox = container === 'POD'
  const expected = [
    [kubeletNames.pod, pod],
    [kubeletNames.namespace, namespace],
    [kubeletNames.uid, uid],
    [kubeletNames.type, isSandbox ? 'podsandbox' : 'container'],
    ...(isSandbox ? [] : [[kubeletNames.container, container]])
  ]
  const isTrue = expected.every(([key = '', value]) => labels[key] === value)
  return isTrue ? (Object.fromEntries(expected) as Labels) : {}
}

function toContainer(value: unknown, own: Labels): Container | undefined {
  if (!isRecord(value) || typeof value['Id'] !== 'string') return undefined
  const names = Array.isArray(value['Names']) ? (value['Names'] as unknown[]) : []
  const name = typeof names[0] === 'string' ? names[0].replace(/^\//, '') : value['Id']
  const kubernetes = labelsByName(name, stringsOf(value['Labels']))
  const labels = { ...withoutReserved(own), ...kubernetes }
  const pod = podOf(kubernetes)
  return {
    id: value['Id'],
    runtime: 'docker',
    name: labels[kubeletNames.container] ?? name,
    // The pid is in runc's state; docker has the names that people use.
    pid: 0,
    status: value['State'] === 'running' ? 'running' : 'stopped',
    labels,
    ...(typeof value['Image'] === 'string' ? { image: value['Image'] } : {}),
    ...imageDigestOf(value['ImageID']),
    ...(pod === undefined ? {} : { pod })
  }
}

/** Returns docker as a runtime. It adds names to containers whose processes are in runc's state. */
export function dockerRuntime(socket: string = defaultDockerSocket): ContainerRuntime {
  const images = new ImageLabels()
  /** docker merges the image's labels with those of `docker run`. */
  const ownLabels = async (value: unknown): Promise<Labels> => {
    if (!isRecord(value)) return {}
    const labels = stringsOf(value['Labels'])
    if (Object.keys(labels).length === 0) return labels
    const image = typeof value['ImageID'] === 'string' ? value['ImageID'] : ''
    const ofImage = await images.of(image, async () => {
      const answer = await get(socket, `/images/${encodeURIComponent(image)}/json`)
      if (!isRecord(answer)) return undefined
      return [stringsOf(isRecord(answer['Config']) ? answer['Config']['Labels'] : undefined)]
    })
    return withoutImageLabels(labels, ofImage)
  }
  const list = async (): Promise<Container[]> => {
    const answer = await get(socket, '/containers/json?all=1')
    if (!Array.isArray(answer)) return []
    const found = await Promise.all(
      answer.map(async (value: unknown) => toContainer(value, await ownLabels(value)))
    )
    return found.filter((container) => container !== undefined)
  }
  return {
    name: 'docker',
    list,
    byId: async (id) => (await list()).find((container) => container.id === id),
    version: async () => {
      const answer = await get(socket, '/version')
      return isRecord(answer) && typeof answer['Version'] === 'string' ? answer['Version'] : ''
    }
  }
}
