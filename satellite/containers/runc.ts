import { execFile } from 'node:child_process'
import { access, readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { isRecord, parseRecord, stringsOf } from './json.js'
import { imageOf, nameOf, podOf } from './labels.js'
import { readBundle } from './oci-config.js'
import { cgroupIdOf, mntnsOf } from './processes.js'
import type { Container, ContainerRuntime } from './runtime.js'

/** Where runc and its callers keep state: runc alone, docker, containerd per namespace. */
export const defaultRuncRoots = [
  '/run/runc',
  '/run/docker/runtime-runc/moby',
  '/run/containerd/runc'
] as const

interface RuncState {
  pid: number
  /** Field 22 of /proc/PID/stat: tells the process from a later one with its number. */
  startTime: number
  created: string
  labels: Record<string, string>
  cgroup: string | undefined
}

/** libcontainer's state: `labels` is a list of KEY=VALUE with the annotations and the bundle among them. */
function parseState(text: string): RuncState | undefined {
  const state = parseRecord(text)
  const pid = state?.['init_process_pid']
  if (state === undefined || typeof pid !== 'number') return undefined
  const config = isRecord(state['config']) ? state['config'] : {}
  const list = Array.isArray(config['labels']) ? (config['labels'] as unknown[]) : []
  const labels: Record<string, string> = {}
  for (const entry of list) {
    if (typeof entry !== 'string') continue
    const at = entry.indexOf('=')
    if (at > 0) labels[entry.slice(0, at)] = entry.slice(at + 1)
  }
  return {
    pid,
    startTime: Number(state['init_process_start'] ?? 0),
    created: String(state['created']),
    labels,
    cgroup: stringsOf(state['cgroup_paths'])['']
  }
}

/** Start time of a live, not yet reaped process (proc_pid_stat(5), field 22). */
async function startTimeOf(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined
  return Number(fields[19])
}

/** Reads `<root>/<id>/state.json` without running runc. undefined when there is no such container. */
async function readContainer(
  runtime: string,
  root: string,
  id: string
): Promise<Container | undefined> {
  const text = await readFile(join(root, id, 'state.json'), 'utf8').catch(() => undefined)
  const state = text === undefined ? undefined : parseState(text)
  if (state === undefined) return undefined
  const bundle = state.labels['bundle']
  // While the state is fresh: for a container of some milliseconds each of these may be gone at once.
  const cgroupId = state.cgroup === undefined ? undefined : cgroupIdOf(state.cgroup)
  const mntns = mntnsOf(state.pid)
  const alive = (await startTimeOf(state.pid)) === state.startTime
  // The fifo is there from `runc create` to `runc start`.
  const created = await access(join(root, id, 'exec.fifo')).then(
    () => true,
    () => false
  )
  const config = bundle === undefined ? undefined : await readBundle(bundle)
  const labels = { ...config?.annotations, ...state.labels }
  const image = imageOf(labels)
  const pod = podOf(labels)
  return {
    id,
    runtime,
    name: nameOf(labels, id),
    pid: alive ? state.pid : 0,
    firstPid: state.pid,
    status: !alive ? 'stopped' : created ? 'created' : 'running',
    labels,
    ...(image === undefined ? {} : { image }),
    ...(alive && mntns !== undefined ? { mntns } : {}),
    ...(cgroupId === undefined ? {} : { cgroupId }),
    ...(pod === undefined ? {} : { pod }),
    ...(config?.seccomp === undefined ? {} : { seccomp: config.seccomp }),
    ...(bundle === undefined ? {} : { bundle })
  }
}

/** The ids below a root; a folder without state.json is looked into once (containerd's namespaces). */
async function idsBelow(root: string, deep: boolean): Promise<{ root: string; id: string }[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => [])
  const found: { root: string; id: string }[] = []
  for (const entry of entries) {
    if (!entry.isDirectory()) continue
    const inside = await readdir(join(root, entry.name)).catch((): string[] => [])
    if (inside.includes('state.json')) found.push({ root, id: entry.name })
    else if (deep) found.push(...(await idsBelow(join(root, entry.name), false)))
  }
  return found
}

/**
 * Containers of runc, whoever called it, from its state folders.
 * @param roots what `runc --root` was given; defaults are in {@link defaultRuncRoots}.
 */
export function runcRuntime(roots: readonly string[] = defaultRuncRoots): ContainerRuntime {
  const runtimeOf = (root: string): string => {
    if (root.startsWith('/run/docker/') || root.endsWith('/moby')) return 'docker'
    return root.startsWith('/run/containerd/') ? 'containerd' : 'runc'
  }
  const list = async (): Promise<Container[]> => {
    const ids = (await Promise.all(roots.map((root) => idsBelow(root, true)))).flat()
    const read = await Promise.all(
      ids.map(({ root, id }) => readContainer(runtimeOf(root), root, id))
    )
    return read.filter((container) => container !== undefined)
  }
  return {
    name: 'runc',
    watched: roots,
    list,
    read: (folder) => {
      const root = dirname(folder)
      return readContainer(runtimeOf(root), root, basename(folder))
    },
    byId: async (id) => (await list()).find((container) => container.id === id),
    version: async () => {
      const run = promisify(execFile)
      const output = await run('runc', ['--version'], { timeout: 5000 }).catch(() => undefined)
      return /^runc version (\S+)/m.exec(output?.stdout ?? '')?.[1] ?? ''
    }
  }
}

/** The libseccomp that runc was built with or loads, as it says itself; empty when it does not. */
export async function libseccompVersion(): Promise<string> {
  const run = promisify(execFile)
  const output = await run('runc', ['--version'], { timeout: 5000 }).catch(() => undefined)
  return /^libseccomp: (\S+)/m.exec(output?.stdout ?? '')?.[1] ?? ''
}
