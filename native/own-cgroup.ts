import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

function isMember(folder: string): boolean {
  try {
    const pids = readFileSync(join(folder, 'cgroup.procs'), 'utf8')
    return pids.split('\n').includes(String(process.pid))
  } catch {
    return false
  }
}

function below(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))
  } catch {
    return []
  }
}

/**
 * The folder that paths in /proc/PID/cgroup begin at. In a cgroup namespace (a pod's, on cgroup v2) that is this
 * process' own cgroup, and how far it is below the mount is all that the kernel says: it is looked for.
 * @param mount the unified hierarchy's. @param root field 4 of its line in /proc/self/mountinfo.
 * @returns undefined: it is not below that mount.
 */
export function cgroupBase(mount: string, root: string): string | undefined {
  const depth = root.split('/').filter((part) => part === '..').length
  let folders = [mount]
  for (let level = 0; level < depth; level += 1) folders = folders.flatMap(below)
  return depth === 0 ? mount : folders.find(isMember)
}
