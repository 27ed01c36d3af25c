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
 * Returns the folder that paths in /proc/PID/cgroup start from; undefined if it is not below the mount. In a cgroup
 * namespace (of a pod, on cgroup v2) that is this process' own cgroup. The kernel only reports how deep it is below
 * the mount (cgroup_namespaces(7)), so it is searched at that depth.
 * @param mount mount point of the unified hierarchy @param root field 4 of its line in /proc/self/mountinfo
 */
export function cgroupBase(mount: string, root: string): string | undefined {
  const depth = root.split('/').filter((part) => part === '..').length
  let folders = [mount]
  for (let level = 0; level < depth; level += 1) folders = folders.flatMap(below)
  return depth === 0 ? mount : folders.find(isMember)
}
