import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { AddonRecorder } from './addon.js'

/** Inode number of this process' mount namespace. */
export function ownMntns(): number {
  return statSync('/proc/self/ns/mnt').ino
}

/** Right where this process is in no cgroup namespace. */
function cgroupByPath(): bigint {
  const mount = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find((fields) => fields[2] === 'cgroup2')?.[1]
  const path = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/'
  return mount === undefined ? 1n : statSync(join(mount, path), { bigint: true }).ino
}

/** This process' own place: (mount namespace, cgroup id), when it is not the machine's own. */
export function ownPlace(
  native: Pick<AddonRecorder, 'hostMntns' | 'ownCgroup'>
): { mntns: number; cgroupId: bigint } | undefined {
  const mntns = ownMntns()
  if (mntns === native.hostMntns()) return undefined
  const inKernel = native.ownCgroup()
  return { mntns, cgroupId: inKernel === 0n ? cgroupByPath() : inKernel }
}
