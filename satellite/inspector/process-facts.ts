import { uptime } from 'node:os'
import { procText } from '../lib/proc-text.js'

/** What the kernel says of a process' confinement (proc_pid_status(5)). */
export interface SeccompStatus {
  /** 0 none, 1 strict, 2 filter. */
  mode: number
  /** How many filters are stacked; 0 where the kernel does not tell (before 5.9). */
  filters: number
}

/** undefined when the process is gone. */
export function seccompStatusOf(pid: number): SeccompStatus | undefined {
  const text = procText(`/proc/${pid}/status`)
  if (text === undefined) return undefined
  const at = text.indexOf('\nSeccomp:')
  if (at < 0) return undefined
  const [, mode, filters] =
    /^\nSeccomp:\s+(\d+)(?:\nSeccomp_filters:\s+(\d+))?/.exec(text.slice(at, at + 64)) ?? []
  return { mode: Number(mode ?? 0), filters: Number(filters ?? 0) }
}

let bootMs: number | undefined

/** Milliseconds since 1970 of the start of the clock that starts are told in: whoever is interrupted looks again. */
function bootTime(): number {
  let closest = { spanMs: Number.POSITIVE_INFINITY, bootMs: 0 }
  for (let tries = 0; tries < 10 && closest.spanMs > 0; tries += 1) {
    const before = Date.now()
    const upMs = uptime() * 1000
    const spanMs = Date.now() - before
    if (spanMs < closest.spanMs) closest = { spanMs, bootMs: before - upMs }
  }
  return closest.bootMs
}

/**
 * RFC 3339 of a start in ticks; a tick is 10 ms for user space on every Linux (USER_HZ). By the uptime, not by
 * /proc/stat's btime, which is in whole seconds: what an earlier run of the same id did would be of this one.
 */
export function timeOfTicks(ticks: number): string {
  bootMs ??= bootTime()
  return new Date(bootMs + ticks * 10).toISOString()
}

/** What a runtime's own process is called until the container's program begins. */
const runtimeComm = /^(runc|crun|youki|exe)(:|$)/

/** True once the container's own program runs. */
export function hasBegun(pid: number): boolean {
  const comm = procText(`/proc/${pid}/comm`)
  return comm !== undefined && !runtimeComm.test(comm.trim())
}
