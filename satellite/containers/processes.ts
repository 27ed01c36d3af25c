import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Addon, loadAddon } from '../../native/addon.js'
import { startTicksOf } from '../lib/proc-text.js'
import { cgroupBase } from '../../native/own-cgroup.js'

type Facts = Pick<Addon, 'mntnsOf' | 'startTimeOf' | 'isThere'>

let facts: Facts | undefined

/** Uses the addon if it exists: for a process that is gone, Node's file functions create an error with a stack. */
function factsOf(): Facts {
  if (facts !== undefined) return facts
  try {
    facts = loadAddon()
  } catch {
    facts = {
      mntnsOf: readMntns,
      startTimeOf: (pid) => startTicksOf(pid) ?? 0,
      isThere: (pid) => existsSync(`/proc/${pid}`)
    }
  }
  return facts
}

function readMntns(pid: number): number {
  const found = mntnsAt(`/proc/${pid}/ns/mnt`)
  if (found !== 0) return found
  try {
    // A first thread that ended has no namespace any more.
    for (const tid of readdirSync(`/proc/${pid}/task`)) {
      const own = mntnsAt(`/proc/${pid}/task/${tid}/ns/mnt`)
      if (own !== 0) return own
    }
  } catch {
    // It is gone.
  }
  return 0
}

function mntnsAt(path: string): number {
  try {
    return Number(/^mnt:\[(\d+)\]$/.exec(readlinkSync(path))?.[1] ?? 0)
  } catch {
    return 0
  }
}

/** Returns the inode number of a process's mount namespace (namespaces(7)); undefined if the process is gone. */
export function mntnsOf(pid: number): number | undefined {
  const found = factsOf().mntnsOf(pid)
  return found === 0 ? undefined : found
}

/** Returns the start time of a process in clock ticks since boot (proc_pid_stat(5), field 22); undefined if it is gone or dead. */
export function startTimeOf(pid: number): number | undefined {
  const found = factsOf().startTimeOf(pid)
  return found === 0 ? undefined : found
}

/** True while a process with this id exists, also as a zombie. */
export function isThere(pid: number): boolean {
  return factsOf().isThere(pid)
}

/** Returns whether a process with this id, in this mount namespace, exists: its id may belong to another one by now. */
export function hasProcess({ pid, mntns }: { pid: number; mntns?: number }): boolean {
  return mntns === undefined ? isThere(pid) : mntnsOf(pid) === mntns
}

let mountpoint: string | undefined
/** Folder below that mount where the paths in /proc/PID/cgroup begin. */
let base: string | undefined

function readOwnMounts(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    // No file descriptor is left: the next call tries again.
    return ''
  }
}

/** Returns the mount point of the unified cgroup hierarchy (cgroups(7)); undefined with cgroup version 1 only. */
export function cgroupMount(): string | undefined {
  if (mountpoint !== undefined) return mountpoint
  for (const line of readOwnMounts().split('\n')) {
    const [before, after] = line.split(' - ')
    if (after?.startsWith('cgroup2 ') === true) {
      const [, , , root = '/', mount] = before?.split(' ') ?? []
      if (mount !== undefined) base = cgroupBase(mount, root)
      mountpoint = mount
      return mountpoint
    }
  }
  return undefined
}

/** Returns the folder of a process's unified cgroup; undefined if the process is gone or there is no such hierarchy. */
export function cgroupFolderOf(pid: number): string | undefined {
  if (cgroupMount() === undefined || base === undefined) return undefined
  try {
    const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1]
    return path === undefined ? undefined : join(base, path)
  } catch {
    return undefined
  }
}

/** Returns a cgroup's id: the inode number of its folder (kernfs node id). */
export function cgroupIdOf(folder: string): bigint | undefined {
  try {
    return statSync(folder, { bigint: true }).ino
  } catch {
    return undefined
  }
}

/** Searches the mount for the folder of the cgroup with this id; undefined if it is gone. */
export async function findCgroup(id: bigint, name: string): Promise<string | undefined> {
  const mount = cgroupMount()
  if (mount === undefined) return undefined
  const pending = [mount]
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      if (!entry.isDirectory()) continue
      const path = join(folder, entry.name)
      if (entry.name === name && cgroupIdOf(path) === id) return path
      pending.push(path)
    }
  }
  return cgroupIdOf(mount) === id ? mount : undefined
}

/** Returns the thread group ids in a cgroup, without those in its children; empty if the cgroup is gone. */
export async function pidsOfCgroup(folder: string): Promise<number[]> {
  const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
}

let members: ((mount: string, id: bigint) => number[] | undefined) | undefined

/** Returns the same by the cgroup's id; empty if it is gone. Undefined if this kernel can only list them by folder. */
export function membersOfCgroup(id: bigint): number[] | undefined {
  const mount = cgroupMount()
  if (mount === undefined) return undefined
  try {
    const addon = loadAddon()
    members ??= (at, group) => addon.cgroupMembers(at, group)
  } catch {
    members = () => undefined
  }
  return members(mount, id)
}

/** Returns every thread group id of the machine. */
export async function allPids(): Promise<number[]> {
  const names = await readdir('/proc')
  return names.filter((name) => /^\d+$/.test(name)).map(Number)
}
