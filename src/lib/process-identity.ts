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

/** Returns the fields of /proc/<pid>/stat from the third one on; none for a process that is gone. */
function statOf(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`)
  // comm may contain spaces and parentheses: count from the last one.
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

const isZombie = ([state]: readonly string[]): boolean => state === 'Z' || state === 'X'

function startOf(pid: number): string | undefined {
  const fields = statOf(pid)
  // A zombie holds nothing.
  return isZombie(fields) ? undefined : fields[19]
}

/**
 * Returns whether a process of that pid runs, where nothing else is known of it. A zombie has ended, although signal 0 of
 * kill(2) reaches it.
 */
export function isPidAlive(pid: number): boolean {
  return startOf(pid) !== undefined
}

/** PF_EXITING of linux/sched.h. */
const exitingFlag = 0x4

/** Returns whether a process is on its way out: until its last thread has ended, it may hold sockets and locks. */
export function isEnding(pid: number): boolean {
  const fields = statOf(pid)
  const threads = Number(fields[17])
  return (Number(fields[6]) & exitingFlag) !== 0 && (!isZombie(fields) || threads > 1)
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
