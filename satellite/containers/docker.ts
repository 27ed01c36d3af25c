import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { isRecord, stringsOf } from './json.js'
import { podOf } from './labels.js'
import type { Container, ContainerRuntime } from './runtime.js'

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

function toContainer(value: unknown): Container | undefined {
  if (!isRecord(value) || typeof value['Id'] !== 'string') return undefined
  const labels = stringsOf(value['Labels'])
  const names = Array.isArray(value['Names']) ? (value['Names'] as unknown[]) : []
  const name = typeof names[0] === 'string' ? names[0].replace(/^\//, '') : value['Id']
  const pod = podOf(labels)
  return {
    id: value['Id'],
    runtime: 'docker',
    name: labels['io.kubernetes.container.name'] ?? name,
    // The pid is in runc's state; docker has the names that people use.
    pid: 0,
    status: value['State'] === 'running' ? 'running' : 'stopped',
    labels,
    ...(typeof value['Image'] === 'string' ? { image: value['Image'] } : {}),
    ...(pod === undefined ? {} : { pod })
  }
}

/** Returns docker as a runtime. It adds names to containers whose processes are in runc's state. */
export function dockerRuntime(socket: string = defaultDockerSocket): ContainerRuntime {
  const list = async (): Promise<Container[]> => {
    const answer = await get(socket, '/containers/json?all=1')
    if (!Array.isArray(answer)) return []
    return answer.map(toContainer).filter((container) => container !== undefined)
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
