import { readFile } from 'node:fs/promises'
import { loadAddon } from '../../../native/addon.js'
import type { AbiClass, Slot } from '../../../native/types.js'

/** Numbers of calls that were seen blocked, by ABI. */
export type BlockedCalls = Record<AbiClass, Set<number>>

const x32Bit = 0x40000000
const runtimeComm = /^(runc|crun|youki)(:|$)/

export function noBlockedCalls(): BlockedCalls {
  return { native: new Set(), compat: new Set(), x32: new Set() }
}

/** Returns whether the task is part of the container. Call it for new numbers only: reading `status` is not cheap. */
async function isCounted(pid: number, tid: number, filtered: boolean): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/task/${tid}/status`, 'utf8').catch(() => '')
  // Threads of the runtime's init next to the filtered one are not part of the container (runc has no TSYNC).
  const mode = Number(/^Seccomp:\s*(\d)/m.exec(status)?.[1] ?? 0)
  const comm = /^Name:\s*(.*)$/m.exec(status)?.[1] ?? ''
  return !(filtered && mode < 2) && !runtimeComm.test(comm)
}

/**
 * Adds the calls that are blocked in the kernel now: they have not returned, so the recorder has not counted
 * them. Must run before the counts are read, otherwise a call could be missed by both.
 * @param slot only processes of its mount namespace are read.
 * @returns how many numbers were new in `into`.
 */
export async function addBlockedCalls(
  into: BlockedCalls,
  pids: readonly number[],
  { mntns, filtered, hasCompat }: Pick<Slot, 'mntns' | 'filtered' | 'hasCompat'>
): Promise<number> {
  if (pids.length === 0) return 0
  let added = 0
  const found = loadAddon().blockedCalls(pids, mntns, hasCompat)
  for (let at = 0; at + 3 < found.length; at += 4) {
    const [pid = 0, tid = 0, compat = 0, call = 0] = found.subarray(at, at + 4)
    const isX32 = compat === 0 && call >= x32Bit
    const set = compat === 1 ? into.compat : isX32 ? into.x32 : into.native
    const number = isX32 ? call - x32Bit : call
    if (set.has(number) || !(await isCounted(pid, tid, filtered))) continue
    set.add(number)
    added += 1
  }
  return added
}
