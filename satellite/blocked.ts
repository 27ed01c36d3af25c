import { open, readdir, readFile } from 'node:fs/promises'
import type { AbiClass } from '../native/types.js'
import { mntnsOf } from './containers/processes.js'

export type BlockedCalls = Record<AbiClass, Set<number>>

const x32Bit = 0x40000000
const runtimeComm = /^(runc|crun|youki)(:|$)/

export function noBlockedCalls(): BlockedCalls {
  return { native: new Set(), compat: new Set(), x32: new Set() }
}

/** EI_CLASS of the program that a process runs (elf(5)): 32-bit programs call by the compat table. */
async function isCompat(pid: number): Promise<boolean> {
  try {
    const file = await open(`/proc/${pid}/exe`, 'r')
    try {
      const { buffer } = await file.read(Buffer.alloc(5), 0, 5, 0)
      // e_machine would tell x32 apart; its calls carry their own bit.
      return buffer[4] === 1
    } finally {
      await file.close()
    }
  } catch {
    return false
  }
}

/** The number in /proc/PID/task/TID/syscall (proc(5)); undefined while running or outside of a call. */
function numberIn(text: string): number | undefined {
  const word = text.split(' ', 1)[0] ?? ''
  return /^\d+$/.test(word) ? Number(word) : undefined
}

async function readTask(folder: string, filtered: boolean): Promise<number | undefined> {
  const call = numberIn(await readFile(`${folder}/syscall`, 'utf8').catch(() => ''))
  if (call === undefined) return undefined
  const status = await readFile(`${folder}/status`, 'utf8').catch(() => '')
  // Threads of the runtime's init beside the filtered one are no part of the container (runc has no TSYNC).
  const mode = Number(/^Seccomp:\s*(\d)/m.exec(status)?.[1] ?? 0)
  const comm = /^Name:\s*(.*)$/m.exec(status)?.[1] ?? ''
  return (filtered && mode < 2) || runtimeComm.test(comm) ? undefined : call
}

/**
 * Adds the calls that are blocked right now: they have not exited, so the recorder has not counted
 * them. To be read before the counts, else a call could slip between the two.
 * @param mntns only processes of this mount namespace are looked at.
 * @returns how many numbers were new in `into`.
 */
export async function addBlockedCalls(
  into: BlockedCalls,
  pids: readonly number[],
  mntns: number,
  filtered: boolean
): Promise<number> {
  let added = 0
  for (const pid of pids) {
    if (mntnsOf(pid) !== mntns) continue
    const tasks = await readdir(`/proc/${pid}/task`).catch((): string[] => [])
    let compat: boolean | undefined
    for (const task of tasks) {
      const call = await readTask(`/proc/${pid}/task/${task}`, filtered)
      if (call === undefined) continue
      compat ??= await isCompat(pid)
      const isX32 = !compat && call >= x32Bit
      const set = compat ? into.compat : isX32 ? into.x32 : into.native
      const number = isX32 ? call - x32Bit : call
      if (!set.has(number)) added += 1
      set.add(number)
    }
  }
  return added
}
