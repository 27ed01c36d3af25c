import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { withoutImageLabels, withoutReserved } from './believed.js'
import { imageDigestOf, ImageLabels } from './image-labels.js'
import { isRecord, stringsOf } from './json.js'
import { readBundle } from './oci-config.js'
import { cgroupFolderOf, cgroupIdOf, mntnsOf } from './processes.js'
import type { Container, ContainerRuntime } from './runtime.js'

const run = promisify(execFile)

/** Finds podman. It runs for each unknown container, so it avoids a promise and an error for each folder. */
function findPodman(searchPath: string): string | undefined {
  return searchPath
    .split(delimiter)
    .map((folder) => join(folder, 'podman'))
    .find((path) => existsSync(path))
}

/** The labels and annotations of images, by the images' ids; podman gives both to containers. */
type ImagesOf = (id: string) => Promise<readonly Record<string, string>[] | undefined>

async function toContainer(value: unknown, imagesOf: ImagesOf): Promise<Container | undefined> {
  if (!isRecord(value) || typeof value['Id'] !== 'string') return undefined
  const state = isRecord(value['State']) ? value['State'] : {}
  const config = isRecord(value['Config']) ? value['Config'] : {}
  const pid = typeof state['Pid'] === 'number' ? state['Pid'] : 0
  const configPath = value['OCIConfigPath']
  const bundle =
    typeof configPath === 'string' ? configPath.replace(/\/config\.json$/, '') : undefined
  const oci = bundle === undefined ? undefined : await readBundle(bundle)
  const image = typeof value['Image'] === 'string' ? value['Image'] : ''
  const labels = { ...oci?.annotations, ...stringsOf(config['Labels']) }
  // Without an image (`podman run --rootfs`) there is nobody else who could have written them.
  const ofImage = image === '' ? [] : await imagesOf(image)
  const mntns = pid > 0 ? mntnsOf(pid) : undefined
  const folder = pid > 0 ? cgroupFolderOf(pid) : undefined
  const cgroupId = folder === undefined ? undefined : cgroupIdOf(folder)
  return {
    id: value['Id'],
    runtime: 'podman',
    name: typeof value['Name'] === 'string' ? value['Name'] : value['Id'],
    pid,
    status: pid > 0 ? 'running' : 'stopped',
    labels: withoutReserved(withoutImageLabels(labels, ofImage)),
    ...(typeof value['ImageName'] === 'string' ? { image: value['ImageName'] } : {}),
    ...imageDigestOf(value['ImageDigest'] ?? image),
    ...(mntns === undefined ? {} : { mntns }),
    ...(cgroupId === undefined ? {} : { cgroupId }),
    ...(oci?.seccomp === undefined ? {} : { seccomp: oci.seccomp }),
    ...(bundle === undefined ? {} : { bundle })
  }
}

/**
 * Returns podman as a runtime. It uses `podman inspect`, because podman has no daemon.
 * @param searchPath folders with the program, separated as in PATH.
 */
export function podmanRuntime(
  searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin'
): ContainerRuntime {
  const images = new ImageLabels()
  const inspect = async (kind: 'container' | 'image', ids: readonly string[]) => {
    const podman = findPodman(searchPath)
    if (podman === undefined || ids.length === 0) return []
    const options = { timeout: 10_000, maxBuffer: 64 << 20 }
    const output = await run(podman, [kind, 'inspect', ...ids], options).catch(() => undefined)
    const answer: unknown = output === undefined ? [] : JSON.parse(output.stdout)
    return Array.isArray(answer) ? (answer as unknown[]) : []
  }
  const imagesOf: ImagesOf = (id) =>
    images.of(id, async () => {
      const [image] = await inspect('image', [id])
      return isRecord(image)
        ? [stringsOf(image['Labels']), stringsOf(image['Annotations'])]
        : undefined
    })
  const containersOf = async (ids: readonly string[]): Promise<Container[]> => {
    const answer = await inspect('container', ids)
    const list = await Promise.all(answer.map((one) => toContainer(one, imagesOf)))
    return list.filter((container) => container !== undefined)
  }
  return {
    name: 'podman',
    list: async () => {
      const podman = findPodman(searchPath)
      if (podman === undefined) return []
      const output = await run(podman, ['ps', '-aq', '--no-trunc'], { timeout: 10_000 }).catch(
        () => undefined
      )
      return containersOf(output?.stdout.split('\n').filter((id) => id !== '') ?? [])
    },
    byId: async (id) => (await containersOf([id]))[0],
    version: async () => {
      const podman = findPodman(searchPath)
      if (podman === undefined) return ''
      const output = await run(podman, ['--version'], { timeout: 5000 }).catch(() => undefined)
      return /version (\S+)/.exec(output?.stdout ?? '')?.[1] ?? ''
    }
  }
}
