import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { openStateWatch, type RuncStateText } from '../../native/state-watch.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { parseList, parseRecord, stringsOf } from './json.js'
import { imageOf, nameOf, podOf } from './labels.js'
import { hasAllPowers, seccompOf } from './oci-config.js'
import { mntnsOf, startTimeOf } from './processes.js'
import { runcSays } from './runc-version.js'
import type { Container, ContainerRuntime, RuntimeNews } from './runtime.js'

/** Where runc and its callers keep state: runc alone, docker, containerd per namespace. */
export const defaultRuncRoots = [
  '/run/runc',
  '/run/docker/runtime-runc/moby',
  '/run/containerd/runc'
] as const

/** Profiles whose text was told once; the native side forgets earlier than this. */
const profilesAtMost = 256

/** What was read of one state file, as long as that file stays the same. */
interface Remembered {
  state: Pick<RuncStateText, 'stamp' | 'pid' | 'startTime'>
  /** Without what the process alone can tell. */
  container: Container
  /** Its own program runs: neither that nor its mount namespace changes any more. */
  started: Container | undefined
}

/**
 * libcontainer's `labels`: a list of KEY=VALUE, the annotations first and the bundle last. The last of a key counts: the
 * container's author may have an annotation `bundle`.
 */
function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const entry of parseList(text)) {
    if (typeof entry !== 'string') continue
    const at = entry.indexOf('=')
    if (at > 0) labels[entry.slice(0, at)] = entry.slice(at + 1)
  }
  return labels
}

/** containerd's own place for bundles (its runtime v2), with its namespace: wherever runc keeps its state. */
const containerdBundle = /\/io\.containerd\.runtime\.v2\.task\/([^/]+)\/[^/]+$/

/** Who called runc, by the bundle where the root does not tell. */
function callerOf(runtime: string, bundle: string | undefined): string {
  const [, namespace] = containerdBundle.exec(bundle ?? '') ?? []
  if (runtime !== 'runc' || namespace === undefined) return runtime
  return namespace === 'moby' ? 'docker' : 'containerd'
}

/** Of the texts that came last: most containers of a node have the same. */
let lastPowers = { bounding: '', masked: '', all: false }

function isPrivileged({ bounding, masked }: RuncStateText): boolean {
  if (lastPowers.bounding !== bounding || lastPowers.masked !== masked) {
    lastPowers = { bounding, masked, all: hasAllPowers(parseList(bounding), parseList(masked)) }
  }
  return lastPowers.all
}

function toContainer(
  runtime: string,
  folder: string,
  state: RuncStateText,
  seccomp: LinuxSeccomp | undefined
): Container {
  const id = basename(folder)
  const own = labelsOf(state.labels)
  const bundle = own['bundle']?.startsWith('/') === true ? own['bundle'] : undefined
  const labels = { ...stringsOf(parseRecord(state.annotations)), ...own }
  const image = imageOf(labels)
  const pod = podOf(labels)
  const { cgroup, cgroupId } = state
  // One by one: V8 keeps what is copied together as a table, five times as large, and there are thousands.
  const container: Container = {
    id,
    runtime: callerOf(runtime, bundle),
    name: nameOf(labels, id),
    pid: 0,
    firstPid: state.pid,
    status: 'stopped',
    labels
  }
  if (cgroupId !== 0n) {
    container.cgroupId = cgroupId
    container.cgroupFolder = cgroup
  }
  if (image !== undefined) container.image = image
  if (pod !== undefined) container.pod = pod
  if (seccomp !== undefined) container.seccomp = seccomp
  if (bundle !== undefined) container.bundle = bundle
  if (state.bounding !== '') container.privileged = isPrivileged(state)
  return container
}

/** The container as its process is now. */
function asOfNow(known: Remembered, folder: string): Container {
  const { state, container } = known
  if (startTimeOf(state.pid) !== state.startTime) return container
  if (known.started !== undefined) return known.started
  const mntns = mntnsOf(state.pid)
  // The fifo is there from `runc create` to `runc start`.
  const status = existsSync(join(folder, 'exec.fifo')) ? 'created' : 'running'
  const alive: Container = { ...container, pid: state.pid, status }
  if (mntns !== undefined) alive.mntns = mntns
  if (status === 'running' && mntns !== undefined) known.started = alive
  return alive
}

/** Makes containers of state texts, each content of a file once. */
function createReader(runtimeOf: (root: string) => string) {
  const remembered = new Map<string, Remembered>()
  const profiles = new Map<number, LinuxSeccomp | undefined>()
  const profileOf = (state: RuncStateText): LinuxSeccomp | undefined => {
    const { seccompNumber: number, seccomp: text } = state
    if (text !== undefined) profiles.set(number, seccompOf(parseRecord(text)))
    for (const oldest of profiles.keys()) {
      if (profiles.size <= profilesAtMost) break
      profiles.delete(oldest)
    }
    return profiles.get(number)
  }
  return {
    /** Of the text that was read last; undefined when none was. */
    stampOf: (folder: string): string | undefined => remembered.get(folder)?.state.stamp,
    /** Of the text that was read last, as its process is now. */
    again(folder: string): Container | undefined {
      const known = remembered.get(folder)
      return known === undefined ? undefined : asOfNow(known, folder)
    },
    /** As its process is now; of one that is `gone` no process is looked for. */
    take(root: string, folder: string, state: RuncStateText, gone = false): Container {
      // Before anything else: a text comes once.
      const seccomp = profileOf(state)
      let known = remembered.get(folder)
      if (known?.state.stamp !== state.stamp) {
        const container = toContainer(runtimeOf(root), folder, state, seccomp)
        // Its texts are in the container now.
        const { stamp, pid, startTime } = state
        known = { state: { stamp, pid, startTime }, container, started: undefined }
        remembered.set(folder, known)
      }
      return gone ? known.container : asOfNow(known, folder)
    },
    knows: (folder: string): boolean => remembered.has(folder),
    /** @returns what it was, without a process. */
    forget(folder: string): Container | undefined {
      const known = remembered.get(folder)
      remembered.delete(folder)
      return known?.container
    },
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
  knows: (folder: string) => boolean,
  namespaces: Set<string>
): Promise<{ root: string; id: string }[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => [])
  const found: { root: string; id: string }[] = []
  for (const entry of entries) {
    if (!entry.isDirectory()) continue
    const folder = join(root, entry.name)
    if (knows(folder) || existsSync(join(folder, 'state.json')))
      found.push({ root, id: entry.name })
    else if (deep) {
      namespaces.add(folder)
      found.push(...(await idsBelow(folder, false, knows, namespaces)))
    }
  }
  return found
}

/** So many state files are read at a time: the rest of the program has its turn in between. */
const readAtOnce = 32

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
  const watch = openStateWatch(roots)
  const read = (root: string, id: string): Container | undefined => {
    const folder = join(root, id)
    const state = watch.read(folder, reader.stampOf(folder))
    if (state === true) return reader.again(folder)
    return state === undefined ? undefined : reader.take(root, folder, state)
  }
  /** Folders in the roots that hold containers' folders, as far as they were looked at. */
  const namespaces = new Set<string>()
  const list = async (): Promise<Container[]> => {
    namespaces.clear()
    const below = roots.map((root) => idsBelow(root, true, reader.knows, namespaces))
    const ids = (await Promise.all(below)).flat()
    reader.keepOnly(new Set(ids.map(({ root, id }) => join(root, id))))
    const found: Container[] = []
    for (const [at, { root, id }] of ids.entries()) {
      if (at % readAtOnce === readAtOnce - 1) await setImmediate()
      const container = read(root, id)
      if (container !== undefined) found.push(container)
    }
    return found
  }
  const find = (id: string): Container | undefined => {
    if (id === '' || id.includes('/') || id.startsWith('.')) return undefined
    for (const root of [...roots, ...namespaces]) {
      const found = read(root, id)
      if (found !== undefined) return found
    }
    return undefined
  }
  const news = (): RuntimeNews => {
    const { missed, news: folders } = watch.take()
    const containers: Container[] = []
    for (const { root, folder, gone, state } of folders) {
      const known = state === undefined ? undefined : reader.take(root, folder, state, gone)
      const left = gone ? reader.forget(folder) : undefined
      const container = gone ? left : known
      if (container !== undefined) containers.push(container)
    }
    return { missed, containers }
  }
  return {
    name: 'runc',
    list,
    news,
    follow: (appeared) => watch.start(appeared),
    tell: (wanted) => watch.notify(wanted),
    byId: (id) => Promise.resolve(find(id)),
    version: async () => (await runcSays()).version,
    close: () => watch.close()
  }
}
