import type { Observation } from '../../../src/api/gen/hub.js'
import { abis } from '../../../src/syscalls/abi.js'
import type { Target } from '../nodes/workload.js'

/** Denial is one syscall of one container instance that was denied, or in audit mode would be. */
export interface Denial {
  namespace: string
  profile: string
  node: string
  /** Observation id of the container instance, and the container's own id. */
  instance: string
  container: string
  /** Kind and name of the workload, the name of the container, and that of its pod if it has one. */
  workload: string
  containerName: string
  pod: string
  revision: string
  syscall: string
  /** Empty when the satellite did not report it. */
  abi: string
  /** The profile's action, e.g. SCMP_ACT_ERRNO; with SCMP_ACT_LOG the syscall was allowed. */
  action: string
  count: number
  /** RFC 3339. */
  lastSeen: string
  /** The error that the caller got; 0: a signal, allowed, or not known. */
  errno: number
  /** SIGSYS, or empty. */
  signal: string
  /** The newest caller (host pid, name) and the time (RFC 3339); 0 and empty when not known. */
  pid: number
  comm: string
  at: string
  /** The time of the first call that the satellite knows (RFC 3339). */
  firstAt?: string
  /** The arguments of the newest call, if the audit log has them. */
  arguments: string
  /** Whether the profile denies it on purpose and libc has an alternative: such a denial needs no alert. */
  expected: boolean
  /** How often the syscall succeeded although the profile denies it: another filter is in use. */
  succeeded: number
}

const syscallForm = /^[a-z0-9_]{1,64}$/
const actionForm = /^SCMP_ACT_[A-Z_]{1,32}$/
const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/
const argumentsForm = /^[0-9a-fx? ]{1,128}$/
const mostDenials = 1024
/** TASK_COMM_LEN without the terminating zero. */
const longestComm = 15

function fitting(text: string, form: RegExp): string {
  return form.test(text) ? text : ''
}

/** Returns the denials of an observation, checked: it can hold anything, and a process chooses its own name. */
export function denialsOf(
  observation: Pick<Observation, 'denied' | 'id' | 'container' | 'revision'>,
  { target, node, lastSeen }: { target: Target; node: string; lastSeen: string }
): Denial[] {
  return observation.denied
    .filter(({ name, count }) => syscallForm.test(name) && count > 0)
    .slice(0, mostDenials)
    .map(({ name, count, action, detail }) => ({
      ...{ namespace: target.ref.namespace, profile: target.ref.name, node },
      ...{ instance: observation.id, container: observation.container?.id ?? '' },
      workload: `${target.workload.kind}/${target.workload.name}`,
      containerName: observation.container?.name ?? '',
      pod: observation.container?.podName ?? '',
      ...{ revision: observation.revision, syscall: name, count, lastSeen },
      action: fitting(action, actionForm),
      abi: (abis as readonly string[]).includes(detail?.abi ?? '') ? (detail?.abi ?? '') : '',
      errno: detail !== undefined && detail.errno > 0 && detail.errno < 4096 ? detail.errno : 0,
      signal: detail?.signal === 'SIGSYS' ? 'SIGSYS' : '',
      pid: detail?.pid ?? 0,
      comm: (detail?.comm ?? '').slice(0, longestComm),
      at: fitting(detail?.at ?? '', timeForm),
      ...(timeForm.test(detail?.firstAt ?? '') ? { firstAt: detail?.firstAt ?? '' } : {}),
      arguments: fitting(detail?.arguments ?? '', argumentsForm),
      expected: detail?.expected === true,
      succeeded: detail?.succeeded ?? 0
    }))
}
