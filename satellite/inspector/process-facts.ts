import { procText } from '../lib/proc-text.js'

/** The seccomp fields of a process (proc_pid_status(5)). */
export interface SeccompStatus {
  /** 0 none, 1 strict, 2 filter. */
  mode: number
  /** Number of filters; 0 on kernels before 5.9, which do not report it. */
  filters: number
}

/**
 * Returns whether a process has ended and its parent has not asked how. A zombie with other threads runs: only its first
 * thread ended.
 */
const isDead = (status: string): boolean =>
  /^State:\s+[ZX]/m.test(status) && /^Threads:\s+[01]$/m.test(status)

/** Reads the seccomp status of a process; undefined if the process is gone or dead. */
export function seccompStatusOf(pid: number): SeccompStatus | undefined {
  const text = procText(`/proc/${pid}/status`)
  if (text === undefined || isDead(text)) return undefined
  const at = text.indexOf('\nSeccomp:')
  if (at < 0) return undefined
  const [, mode, filters] =
    /^\nSeccomp:\s+(\d+)(?:\nSeccomp_filters:\s+(\d+))?/.exec(text.slice(at, at + 64)) ?? []
  return { mode: Number(mode ?? 0), filters: Number(filters ?? 0) }
}

/** Names of a runtime's own process, until the container's program starts. */
const runtimeComm = /^(runc|crun|youki|exe)(:|$)/

/** True once the container's own program runs. */
export function hasBegun(pid: number): boolean {
  const comm = procText(`/proc/${pid}/comm`)
  return comm !== undefined && !runtimeComm.test(comm.trim())
}
