import { existsSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { openStateWatch, type RuncStateText } from '../../native/state-watch.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import { parseList, parseRecord, stringsOf } from './json.js'
import { believedAnnotations, runtimeOf, type Writer, writerOf } from './believed.js'
import { imageOf, nameOf, podOf } from './labels.js'
import { hasAllPowers, seccompOf } from './oci-config.js'
import { mntnsOf, startTimeOf } from './processes.js'
import { readRuncVersion } from './runc-version.js'
import { type Container, type ContainerRuntime, doubts, type RuntimeChanges } from './runtime.js'

/** The state folders of runc itself, of docker, and of containerd (one folder per namespace). */
export const defaultRuncRoots = [
  '/run/runc',
  '/run/docker/runtime-runc/moby',
  '/run/containerd/runc'
] as const

/** Profiles whose text was reported once; the native side forgets earlier. */
const profilesAtMost = 256

/** What was read of a state file, while the file does not change. */
interface ReadState {
  state: Pick<RuncStateText, 'stamp' | 'pid' | 'startTime'>
  /** Without the facts of its process. */
  container: Container
  /** Set when its own program runs: then its mount namespace does not change any more. */
  started: Container | undefined
}

/**
 * Parses libcontainer's `labels`: a list of KEY=VALUE, the annotations first and the bundle last. The last entry of a
 * key counts, because the container's author may set an annotation `bundle`.
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

/** The last result: most containers of a node have the same texts. */
let lastPowers = { bounding: '', masked: '', all: false }

function isPrivileged({ bounding, masked }: RuncStateText): boolean {
  if (lastPowers.bounding !== bounding || lastPowers.masked !== masked) {
    lastPowers = { bounding, masked, all: hasAllPowers(parseList(bounding), parseList(masked)) }
  }
  return lastPowers.all
}

/** Returns a container of which nothing but its id and its cgroup can be believed. */
function toUnknown(folder: string, state: RuncStateText, why: string): Container {
  const id = basename(folder)
  const { cgroup, cgroupId, pid } = state
  const container: Container = {
    ...{ id, runtime: 'unknown', name: id, pid: 0, firstPid: pid, status: 'stopped', labels: {} },
    doubt: why
  }
  if (cgroupId !== 0n) Object.assign(container, { cgroupId, cgroupFolder: cgroup })
  return container
}

function toContainer(
  otherwise: Writer,
  folder: string,
  state: RuncStateText,
  seccomp: LinuxSeccomp | undefined
): Container {
  if (state.doubt !== '') return toUnknown(folder, state, doubts[state.doubt])
  const id = basename(folder)
  const own = labelsOf(state.labels)
  const bundle = own['bundle']?.startsWith('/') === true ? own['bundle'] : undefined
  const { cgroup, cgroupId } = state
  const writer = writerOf(bundle, cgroup, otherwise)
  const labels = believedAnnotations(writer, {
    ...stringsOf(parseRecord(state.annotations)),
    ...own
  })
  const image = imageOf(labels)
  const pod = podOf(labels)
  // One by one: V8 stores objects made by copying as hash tables, which take five times the memory.
  const container: Container = {
    id,
    runtime: runtimeOf(writer, 'runc'),
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

/** Returns the container with the current facts of its process. */
function withProcess(known: ReadState, folder: string): Container {
  const { state, container } = known
  if (startTimeOf(state.pid) !== state.startTime) return container
  if (known.started !== undefined) return known.started
  const mntns = mntnsOf(state.pid)
  // The fifo exists from `runc create` to `runc start`.
  const status = existsSync(join(folder, 'exec.fifo')) ? 'created' : 'running'
  const alive: Container = { ...container, pid: state.pid, status }
  if (mntns !== undefined) alive.mntns = mntns
  if (status === 'running' && mntns !== undefined) known.started = alive
  return alive
}

/** The program that calls `runc --root` with a folder, for a state that names no bundle. */
function writerOfRoot(root: string): Writer {
  if (root.startsWith('/run/docker/') || root.endsWith('/moby')) return 'docker'
  return root.startsWith('/run/containerd/') ? 'containerd' : 'runc'
}

/** StateReader makes containers of state texts; each content of a file is parsed once. */
class StateReader {
  readonly #states = new Map<string, ReadState>()
  readonly #profiles = new Map<number, LinuxSeccomp | undefined>()

  knows(folder: string): boolean {
    return this.#states.has(folder)
  }

  /** The stamp of the text that was read last; undefined if none was. */
  stampOf(folder: string): string | undefined {
    return this.#states.get(folder)?.state.stamp
  }

  /** The container of the text that was read last, with the current facts of its process. */
  again(folder: string): Container | undefined {
    const known = this.#states.get(folder)
    return known === undefined ? undefined : withProcess(known, folder)
  }

  /** The container of a text, with the current facts of its process; without them if its folder is gone. */
  take(root: string, folder: string, state: RuncStateText, gone = false): Container {
    // First, because the native side reports the text of a profile only once.
    const seccomp = this.#profileOf(state)
    let known = this.#states.get(folder)
    if (known?.state.stamp !== state.stamp) {
      const container = toContainer(writerOfRoot(root), folder, state, seccomp)
      // The texts are in the container now.
      const { stamp, pid, startTime } = state
      known = { state: { stamp, pid, startTime }, container, started: undefined }
      this.#states.set(folder, known)
    }
    return gone ? known.container : withProcess(known, folder)
  }

  /** Forgets a container and returns it without a process. */
  forget(folder: string): Container | undefined {
    const known = this.#states.get(folder)
    this.#states.delete(folder)
    return known?.container
  }

  /** Forgets every container whose folder is gone. */
  keepOnly(folders: ReadonlySet<string>): void {
    for (const folder of this.#states.keys()) {
      if (!folders.has(folder)) this.#states.delete(folder)
    }
  }

  #profileOf({ seccompNumber, seccomp }: RuncStateText): LinuxSeccomp | undefined {
    if (seccomp !== undefined) this.#profiles.set(seccompNumber, seccompOf(parseRecord(seccomp)))
    dropOldest(this.#profiles, profilesAtMost)
    return this.#profiles.get(seccompNumber)
  }
}

/**
 * Returns the ids below a root. A folder without state.json is added to `stateless`, and read if it is directly below the
 * root: it is one of containerd's namespaces, or of a container that is being created.
 */
async function idsBelow(
  root: string,
  deep: boolean,
  knows: (folder: string) => boolean,
  stateless: Set<string>
): Promise<{ root: string; id: string }[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => [])
  const found: { root: string; id: string }[] = []
  for (const entry of entries) {
    if (!entry.isDirectory()) continue
    const folder = join(root, entry.name)
    if (knows(folder) || existsSync(join(folder, 'state.json')))
      found.push({ root, id: entry.name })
    else {
      stateless.add(folder)
      if (deep) found.push(...(await idsBelow(folder, false, knows, stateless)))
    }
  }
  return found
}

/** A creation that takes longer was given up: the kubelet waits two minutes (KubeletConfiguration, runtimeRequestTimeout). */
const creationMs = 5 * 60_000

/**
 * Returns whether runc creates the container of a folder. The fifo comes first, and the state when the hooks have ended
 * (libcontainer/container_linux.go and process_linux.go).
 */
function isInCreation(folder: string): boolean {
  if (existsSync(join(folder, 'state.json'))) return false
  const fifo = statSync(join(folder, 'exec.fifo'), { throwIfNoEntry: false })
  // The clock may have been set back meanwhile.
  return fifo !== undefined && Math.abs(Date.now() - fifo.mtimeMs) < creationMs
}

/** Other work gets its turn after so many state files. */
const readAtOnce = 32

/**
 * Returns runc as a runtime: containers from its state folders, also those of other runtimes that call runc.
 * @param roots values of `runc --root`; defaults are in {@link defaultRuncRoots}.
 */
export function runcRuntime(roots: readonly string[] = defaultRuncRoots): ContainerRuntime {
  const reader = new StateReader()
  const watch = openStateWatch(roots)
  const read = (root: string, id: string): Container | undefined => {
    const folder = join(root, id)
    const state = watch.read(folder, reader.stampOf(folder))
    if (state === true) return reader.again(folder)
    return state === undefined ? undefined : reader.take(root, folder, state)
  }
  /** Folders without a state, as of the last listing. */
  const stateless = new Set<string>()
  const list = async (): Promise<Container[]> => {
    stateless.clear()
    const below = roots.map((root) =>
      idsBelow(root, true, (folder) => reader.knows(folder), stateless)
    )
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
    for (const root of [...roots, ...stateless]) {
      const found = read(root, id)
      if (found !== undefined) return found
    }
    return undefined
  }
  const takeChanges = (): RuntimeChanges => {
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
  const isCreating = (): boolean => [...stateless].some(isInCreation)
  return {
    name: 'runc',
    list,
    takeChanges,
    isCreating,
    follow: (onCreate) => watch.start(onCreate),
    notifyCreation: (wanted) => watch.notify(wanted),
    byId: (id) => Promise.resolve(find(id)),
    version: async () => (await readRuncVersion()).version,
    close: () => watch.close()
  }
}
