import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
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
function startTimeOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19])
  } catch {
    return undefined
  }
}

/** What was read of one state file, as long as that file stays the same. */
interface Remembered {
  stamp: string
  state: RuncState
  /** Without what the process alone can tell. */
  container: Container
  /** Its own program runs: neither that nor its mount namespace changes any more. */
  started: Container | undefined
}

/** Of one run of a file from the next: runc replaces its state file as a whole. */
function stampOf(path: string): string | undefined {
  try {
    const { ino, mtimeMs, size } = statSync(path)
    return `${ino} ${mtimeMs} ${size}`
  } catch {
    return undefined
  }
}

async function readState(
  runtime: string,
  root: string,
  id: string,
  stamp: string
): Promise<Remembered | undefined> {
  const text = await readFile(join(root, id, 'state.json'), 'utf8').catch(() => undefined)
  const state = text === undefined ? undefined : parseState(text)
  if (state === undefined) return undefined
  const bundle = state.labels['bundle']
  // While the state is fresh: for a container of some milliseconds it may be gone at once.
  const cgroupId = state.cgroup === undefined ? undefined : cgroupIdOf(state.cgroup)
  const config = bundle === undefined ? undefined : await readBundle(bundle)
  const labels = { ...config?.annotations, ...state.labels }
  const image = imageOf(labels)
  const pod = podOf(labels)
  const container: Container = {
    id,
    runtime,
    name: nameOf(labels, id),
    pid: 0,
    firstPid: state.pid,
    status: 'stopped',
    labels,
    ...(image === undefined ? {} : { image }),
    ...(cgroupId === undefined ? {} : { cgroupId, cgroupFolder: state.cgroup }),
    ...(pod === undefined ? {} : { pod }),
    ...(config?.seccomp === undefined ? {} : { seccomp: config.seccomp }),
    ...(config === undefined ? {} : { privileged: config.privileged }),
    ...(bundle === undefined ? {} : { bundle })
  }
  return { stamp, state, container, started: undefined }
}

/** The container as its process is now. */
function asOfNow(known: Remembered, folder: string): Container {
  const { state, container } = known
  if (startTimeOf(state.pid) !== state.startTime) return container
  if (known.started !== undefined) return known.started
  const mntns = mntnsOf(state.pid)
  // The fifo is there from `runc create` to `runc start`.
  const status = existsSync(join(folder, 'exec.fifo')) ? 'created' : 'running'
  const alive: Container = {
    ...container,
    pid: state.pid,
    status,
    ...(mntns === undefined ? {} : { mntns })
  }
  if (status === 'running' && mntns !== undefined) known.started = alive
  return alive
}

/** Reads `<root>/<id>/state.json` without running runc, and again only when that file is another one. */
function createReader(runtimeOf: (root: string) => string) {
  const remembered = new Map<string, Remembered>()
  return {
    /** undefined when there is no such container. */
    async read(root: string, id: string): Promise<Container | undefined> {
      const folder = join(root, id)
      const stamp = stampOf(join(folder, 'state.json'))
      if (stamp === undefined) {
        remembered.delete(folder)
        return undefined
      }
      let known = remembered.get(folder)
      if (known?.stamp !== stamp) {
        known = await readState(runtimeOf(root), root, id, stamp)
        if (known === undefined) return undefined
        remembered.set(folder, known)
      }
      return asOfNow(known, folder)
    },
    knows: (folder: string): boolean => remembered.has(folder),
    /** Forgets every container whose folder is gone. */
    keepOnly(folders: ReadonlySet<string>): void {
      for (const folder of remembered.keys()) if (!folders.has(folder)) remembered.delete(folder)
    }
  }
}

/** The ids below a root; a folder without state.json is looked into once (containerd's namespaces). */
async function idsBelow(
  root: string,
  deep: boolean,
  knows: (folder: string) => boolean
): Promise<{ root: string; id: string }[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => [])
  const found: { root: string; id: string }[] = []
  for (const entry of entries) {
    if (!entry.isDirectory()) continue
    const folder = join(root, entry.name)
    if (knows(folder) || existsSync(join(folder, 'state.json')))
      found.push({ root, id: entry.name })
    else if (deep) found.push(...(await idsBelow(folder, false, knows)))
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
  const reader = createReader(runtimeOf)
  const list = async (): Promise<Container[]> => {
    const ids = (await Promise.all(roots.map((root) => idsBelow(root, true, reader.knows)))).flat()
    reader.keepOnly(new Set(ids.map(({ root, id }) => join(root, id))))
    const read = await Promise.all(ids.map(({ root, id }) => reader.read(root, id)))
    return read.filter((container) => container !== undefined)
  }
  return {
    name: 'runc',
    watched: roots,
    list,
    read: (folder) => reader.read(dirname(folder), basename(folder)),
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
