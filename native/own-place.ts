import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { AddonRecorder } from './addon.js'
import { cgroupBase } from './own-cgroup.js'

/** Returns the inode number of this process' mount namespace. */
export function ownMntns(): number {
  return statSync('/proc/self/ns/mnt').ino
}

/** Returns this process' cgroup id; 1n if only cgroup v1 exists, undefined if it is not below the mount. */
function cgroupByPath(): bigint | undefined {
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((line) => line.includes(' - cgroup2 '))
  const [, , , root = '/', mount] = mounted?.split(' ') ?? []
  if (mount === undefined) return 1n
  const base = cgroupBase(mount, root)
  if (base === undefined) return undefined
  const path = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/'
  return statSync(join(base, path), { bigint: true }).ino
}

/** Returns this process' mount namespace and cgroup id; undefined if they are unknown or the machine's own. */
export function ownPlace(
  native: Pick<AddonRecorder, 'hostMntns' | 'ownCgroup'>
): { mntns: number; cgroupId: bigint } | undefined {
  const mntns = ownMntns()
  if (mntns === native.hostMntns()) return undefined
  const inKernel = native.ownCgroup()
  const cgroupId = inKernel === 0n ? cgroupByPath() : inKernel
  return cgroupId === undefined ? undefined : { mntns, cgroupId }
}
