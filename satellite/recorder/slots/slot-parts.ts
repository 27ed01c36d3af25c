import { readFile } from 'node:fs/promises'
import type { SlotPart } from '../../../native/types.js'

interface Process {
  parent: number
  /** Controlling terminal (proc(5), tty_nr); 0: none. */
  terminal: number
}

async function readProcess(pid: number): Promise<Process | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may contain anything, parentheses and spaces included.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { parent: Number(fields[1]), terminal: Number(fields[4]) }
  } catch {
    return undefined
  }
}

/** Chains of parents are short; the bound matters only if a chain changes while it is read. */
const longestChain = 64

/**
 * Returns those of `pids` that belong to one part of a container. A process belongs to the entry point if its
 * chain of parents (as seen from the host) reaches it. All others came by an exec: a session if the exec has a
 * terminal, otherwise a probe. If the entry point is gone or unknown, all belong to it. A child of an exec that
 * outlived its parent and was reparented to the container's pid 1 counts as the entry point's.
 */
export async function pidsOfPart(
  pids: readonly number[],
  part: SlotPart,
  entryPid: number
): Promise<number[]> {
  // Most containers have one process.
  const [only] = pids
  if (pids.length <= 1 && (only === undefined || only === entryPid)) {
    return part === 'entry' ? [...pids] : []
  }
  const known = new Map<number, Promise<Process | undefined>>()
  const read = (pid: number): Promise<Process | undefined> => {
    const found = known.get(pid) ?? readProcess(pid)
    known.set(pid, found)
    return found
  }
  const own = new Set(pids)
  const hasEntry = entryPid > 0 && (await read(entryPid)) !== undefined
  const partOf = async (pid: number): Promise<SlotPart> => {
    if (!hasEntry) return 'entry'
    let terminal = 0
    let at = pid
    for (let step = 0; step < longestChain && at > 0; step += 1) {
      if (at === entryPid) return 'entry'
      const process = await read(at)
      if (process === undefined) break
      // The exec itself is the topmost of the container's own processes.
      if (own.has(at)) terminal = process.terminal
      at = process.parent
    }
    return terminal === 0 ? 'probe' : 'session'
  }
  const parts = await Promise.all(pids.map(partOf))
  return pids.filter((_, at) => parts[at] === part)
}
