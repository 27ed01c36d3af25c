import { closeSync, openSync, readSync } from 'node:fs'

/** Longer than the part that is needed of any of these files. */
const buffer = Buffer.allocUnsafe(4096)

/**
 * Returns the first 4 KiB of a file in /proc; undefined if its process is gone. Thousands are read in a row: this
 * takes one buffer and three syscalls for each, readFileSync takes five and more memory.
 */
export function procText(path: string): string | undefined {
  try {
    const fd = openSync(path, 'r')
    try {
      return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0))
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
}

/**
 * Returns the start time of a process in clock ticks since boot (proc_pid_stat(5), field 22); undefined if it is gone or
 * dead. A zombie with other threads (field 20) runs: only its first thread ended.
 */
export function startTicksOf(pid: number): number | undefined {
  const stat = procText(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 20)
  const isDead = (fields[0] === 'Z' || fields[0] === 'X') && Number(fields[17]) < 2
  return isDead ? undefined : Number(fields[19])
}
