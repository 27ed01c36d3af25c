import { readFileSync, readlinkSync } from 'node:fs'

/** Names one process for as long as the machine runs: a pid alone is reused. */
export interface ProcessIdentity {
  pid: number
  /** Start time in clock ticks since boot, field 22 of /proc/<pid>/stat (proc_pid_stat(5)). */
  start: string
  /** /proc/sys/kernel/random/boot_id. */
  boot: string
  /** The pid namespace the pid counts in, e.g. `pid:[4026531836]`. */
  space: string
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function startOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // comm may contain spaces and parentheses: count from the last one. A zombie holds nothing.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

let self: ProcessIdentity | undefined

/** The identity of this process. */
export function ownIdentity(): ProcessIdentity {
  if (self !== undefined) return self
  let space = ''
  try {
    space = readlinkSync('/proc/self/ns/pid')
  } catch {
    // No /proc: compared as equal below, the pid alone has to do.
  }
  self = {
    pid: process.pid,
    start: startOf(process.pid) ?? '',
    boot: read('/proc/sys/kernel/random/boot_id').trim(),
    space
  }
  return self
}

/** Whether that process still runs; 'unknown' when its pid belongs to another pid namespace. */
export function isAlive(other: ProcessIdentity): boolean | 'unknown' {
  const own = ownIdentity()
  if (other.boot !== own.boot) return false
  if (other.space !== own.space) return 'unknown'
  const start = startOf(other.pid)
  return start !== undefined && start === other.start
}
