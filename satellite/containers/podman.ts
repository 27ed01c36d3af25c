import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { withoutImageLabels, withoutReserved } from './believed.js'
import { placeOf } from './bundle-place.js'
import { imageDigestOf, ImageLabels } from './image-labels.js'
import { isPlainJson, isRecord, listedTexts, parseRecord, stringsOf } from './json.js'
import { type BundleConfig, readBundle } from './oci-config.js'
import { cgroupFolderOf, cgroupIdOf, mntnsOf } from './processes.js'
import { type Container, type ContainerRuntime, doubts } from './runtime.js'

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

/** Answer is what podman says of one container or image. */
interface Answer {
  id: string
  value: Record<string, unknown>
  /** Other parsers may read another content. */
  isAmbiguous: boolean
}

/**
 * Returns what podman says of the containers, or images, that have one of these ids. podman looks for names too, and a name
 * can have the form of another one's id: what is called like that is another one's answer, and two are none.
 */
function answersOf(text: string, ids: readonly string[]): Answer[] {
  const answers = listedTexts(text).flatMap((one): Answer[] => {
    const value = parseRecord(one)
    const id = value?.['Id']
    return value !== undefined && typeof id === 'string' && ids.includes(id)
      ? [{ id, value, isAmbiguous: !isPlainJson(one) }]
      : []
  })
  const count = (id: string): number => answers.filter((other) => other.id === id).length
  return answers.filter(({ id }) => count(id) === 1)
}

/** Returns the folder of the OCI configuration; undefined for a container that has none yet. */
function bundleOf(configPath: unknown): string | undefined {
  const [, bundle] =
    typeof configPath === 'string' ? (/^(.+)\/config\.json$/.exec(configPath) ?? []) : []
  return bundle
}

/** Returns why it is not known who a container is. */
function doubtOf(answer: Answer, bundle: string | undefined, oci: BundleConfig | undefined) {
  if (answer.isAmbiguous) return doubts.answer
  if (bundle !== undefined && placeOf(bundle, answer.id) === 'foreign') return doubts.bundle
  return oci?.isAmbiguous === true ? doubts.config : undefined
}

async function toContainer(answer: Answer, imagesOf: ImagesOf): Promise<Container> {
  const { id, value } = answer
  const state = isRecord(value['State']) ? value['State'] : {}
  const config = isRecord(value['Config']) ? value['Config'] : {}
  const bundle = bundleOf(value['OCIConfigPath'])
  const oci = bundle === undefined ? undefined : await readBundle(bundle)
  const doubt = doubtOf(answer, bundle, oci)
  const pid = typeof state['Pid'] === 'number' && !answer.isAmbiguous ? state['Pid'] : 0
  const mntns = pid > 0 ? mntnsOf(pid) : undefined
  const folder = pid > 0 ? cgroupFolderOf(pid) : undefined
  const cgroupId = folder === undefined ? undefined : cgroupIdOf(folder)
  const process: Pick<Container, 'pid' | 'status' | 'mntns' | 'cgroupId'> = {
    pid,
    status: pid > 0 ? 'running' : 'stopped',
    ...(mntns === undefined ? {} : { mntns }),
    ...(cgroupId === undefined ? {} : { cgroupId })
  }
  if (doubt !== undefined)
    return { id, runtime: 'unknown', name: id, labels: {}, doubt, ...process }
  const image = typeof value['Image'] === 'string' ? value['Image'] : ''
  const labels = { ...oci?.annotations, ...stringsOf(config['Labels']) }
  // Without an image (`podman run --rootfs`) there is nobody else who could have written them.
  const ofImage = image === '' ? [] : await imagesOf(image)
  return {
    id,
    runtime: 'podman',
    name: typeof value['Name'] === 'string' ? value['Name'] : id,
    labels: withoutReserved(withoutImageLabels(labels, ofImage)),
    ...process,
    ...(typeof value['ImageName'] === 'string' ? { image: value['ImageName'] } : {}),
    ...imageDigestOf(value['ImageDigest'] ?? image),
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
    // It fails if one of them is gone, and then prints the others.
    const output = await run(podman, [kind, 'inspect', ...ids], options).catch(
      (error: unknown) => error as { stdout?: string }
    )
    return answersOf(output.stdout ?? '', ids)
  }
  const imagesOf: ImagesOf = (id) =>
    images.of(id, async () => {
      const [image] = await inspect('image', [id])
      return image === undefined || image.isAmbiguous
        ? undefined
        : [stringsOf(image.value['Labels']), stringsOf(image.value['Annotations'])]
    })
  const containersOf = async (ids: readonly string[]): Promise<Container[]> => {
    const answers = await inspect('container', ids)
    return Promise.all(answers.map((one) => toContainer(one, imagesOf)))
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
