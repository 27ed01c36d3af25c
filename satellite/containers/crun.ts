import { execFile } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readPlainFile } from '../lib/plain-file.js'
import { believedAnnotations, runtimeOf, writerOf } from './believed.js'
import { placeOf } from './bundle-place.js'
import { parseRecord } from './json.js'
import { imageOf, nameOf, podOf } from './labels.js'
import { readBundle } from './oci-config.js'
import { isOnlyRoots } from './only-roots.js'
import { cgroupFolderOf, cgroupIdOf, mntnsOf, startTimeOf } from './processes.js'
import { type Container, type ContainerRuntime, doubts } from './runtime.js'

/** The state folder of crun, of podman and of CRI-O with crun. */
const defaultCrunRoots = ['/run/crun'] as const

/** What crun writes about a container (src/libcrun/status.c); authors of containers write none of it but the paths. */
interface CrunStatus {
  pid: number
  startTime: number
  bundle: string
  /** The cgroup that crun made: systemd's scope; without systemd its path. */
  cgroup: string
}

async function readStatus(folder: string): Promise<CrunStatus | undefined> {
  const file = await readPlainFile(join(folder, 'status')).catch(() => undefined)
  const status = file === undefined ? undefined : parseRecord(file.bytes.toString('utf8'))
  const [pid, startTime] = [status?.['pid'], status?.['process-start-time']]
  const bundle = status?.['bundle']
  if (!Number.isSafeInteger(pid) || !Number.isSafeInteger(startTime)) return undefined
  if (typeof bundle !== 'string') return undefined
  const textOf = (key: string): string => {
    const text = status?.[key]
    return typeof text === 'string' ? text : ''
  }
  const scope = textOf('scope')
  const cgroup = scope === '' ? textOf('cgroup-path') : `/${scope}`
  return { pid: pid as number, startTime: startTime as number, bundle, cgroup }
}

/** Returns the facts of the first process; without a process if its id is another one's by now. */
function processOf(
  { pid, startTime }: CrunStatus,
  folder: string
): Pick<Container, 'pid' | 'status' | 'mntns' | 'cgroupId' | 'cgroupFolder'> {
  const mntns = pid > 0 && startTimeOf(pid) === startTime ? mntnsOf(pid) : undefined
  if (mntns === undefined) return { pid: 0, status: 'stopped' }
  const cgroupFolder = cgroupFolderOf(pid)
  const cgroupId = cgroupFolder === undefined ? undefined : cgroupIdOf(cgroupFolder)
  return {
    ...{ pid, mntns },
    // The fifo exists from `crun create` to `crun start`.
    status: existsSync(join(folder, 'exec.fifo')) ? 'created' : 'running',
    ...(cgroupId === undefined ? {} : { cgroupId, cgroupFolder })
  }
}

async function readContainer(root: string, id: string): Promise<Container | undefined> {
  const folder = join(root, id)
  const status = await readStatus(folder)
  if (status === undefined || !isOnlyRoots('', folder)) return undefined
  const { pid: firstPid, bundle, cgroup } = status
  const process = processOf(status, folder)
  const unknown = (doubt: string): Container => ({
    ...{ id, runtime: 'unknown', name: id, firstPid, labels: {}, doubt },
    ...process
  })
  if (placeOf(bundle, id) === 'foreign') return unknown(doubts.bundle)
  // crun's own copy of config.json, from which it made the container: nobody but root can change it.
  const config = await readBundle(folder)
  if (config?.isAmbiguous === true) return unknown(doubts.config)
  const writer = writerOf(bundle, cgroup, 'runc')
  const labels = believedAnnotations(writer, config?.annotations ?? {})
  const [image, pod] = [imageOf(labels), podOf(labels)]
  return {
    id,
    runtime: runtimeOf(writer, 'crun'),
    ...{ name: nameOf(labels, id), labels, firstPid, bundle },
    ...(image === undefined ? {} : { image }),
    ...(pod === undefined ? {} : { pod }),
    ...(config === undefined ? {} : { privileged: config.privileged }),
    ...(config?.seccomp === undefined ? {} : { seccomp: config.seccomp }),
    ...process
  }
}

/** Returns the version of the crun in PATH; empty if there is none. */
export async function crunVersion(): Promise<string> {
  const output = await promisify(execFile)('crun', ['--version'], { timeout: 5000 }).catch(
    () => undefined
  )
  return /^crun version (\S+)/m.exec(output?.stdout ?? '')?.[1] ?? ''
}

/** Returns crun as a runtime: containers from its state folders, also those of podman and CRI-O with crun. */
export function crunRuntime(given: readonly string[] = defaultCrunRoots): ContainerRuntime {
  const roots = () => given.filter((root) => existsSync(root)).map((root) => realpathSync(root))
  const idsOf = (root: string): Promise<string[]> => readdir(root).catch(() => [])
  return {
    name: 'crun',
    list: async () => {
      const found: Container[] = []
      for (const root of roots()) {
        for (const id of await idsOf(root)) {
          const container = await readContainer(root, id)
          if (container !== undefined) found.push(container)
        }
      }
      return found
    },
    byId: async (id) => {
      if (id === '' || id.includes('/') || id.startsWith('.')) return undefined
      for (const root of roots()) {
        const container = await readContainer(root, id)
        if (container !== undefined) return container
      }
      return undefined
    },
    // Without its folder it has started nothing since the node booted: profiles need nothing for it.
    version: async () => (roots().length === 0 ? '' : crunVersion())
  }
}
