import { constants } from 'node:os'
import type { DenialDetail, Observation } from '../../../src/api/gen/hub.js'
import { rootNamespace } from '../../../src/api/names.js'
import { cutText } from '../../../src/lib/cut-text.js'
import { knownTime } from '../../../src/history/times.js'
import { libcFallbackOf } from '../../../src/seccomp/policy/libc-fallbacks.js'
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
  podUid?: string
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
  /** Where arguments decide: the calls by their values, the newest last. Absent: from an earlier satellite. */
  values?: DenialValue[]
  /** Whether it was denied as RuntimeDefault denies it, and the caller is known to do without: no alert is needed. */
  expected: boolean
  /** How often the syscall succeeded although the profile denies it: another filter is in use. */
  succeeded: number
}

/** DenialValue is the calls of a denial with the same deciding arguments. */
export type DenialValue = Pick<Denial, 'arguments' | 'count' | 'errno' | 'pid' | 'comm' | 'at'> & {
  firstAt?: string
}

/** Values of one call in a report: a program chooses them. */
export const mostValues = 16

const syscallForm = /^[a-z0-9_]{1,64}$/
const actionForm = /^SCMP_ACT_[A-Z_]{1,32}$/
const argumentsForm = /^[0-9a-fx? ]{1,128}$/
const mostDenials = 1024
/** TASK_COMM_LEN without the terminating zero. */
const longestComm = 15
/** Names of containers and pods; an id or a revision. */
const longestName = 253
const longestText = 512

function fitting(text: string, form: RegExp): string {
  return form.test(text) ? text : ''
}

function podUidOf({ container }: Pick<Observation, 'container'>): { podUid?: string } {
  const podUid = cutText(container?.podUid ?? '', longestName)
  return podUid === '' ? {} : { podUid }
}

function firstAtOf(detail: Pick<DenialDetail, 'firstAt'> | undefined): { firstAt?: string } {
  const firstAt = knownTime(detail?.firstAt)
  return firstAt === '' ? {} : { firstAt }
}

const errnoOf = (errno = 0): number => (errno > 0 && errno < 4096 ? errno : 0)

/** Returns the values of a denial that can be known ones. */
function valuesOf(detail: DenialDetail | undefined): { values?: DenialValue[] } {
  const values = (detail?.values?.values ?? [])
    .slice(-mostValues)
    .filter((one) => one.count > 0 && argumentsForm.test(one.arguments))
    .map(({ arguments: args, count, errno, pid, comm, at, firstAt }) => ({
      ...{ arguments: args, count, errno: errnoOf(errno), pid },
      ...{ comm: cutText(comm, longestComm), at: knownTime(at), ...firstAtOf({ firstAt }) }
    }))
  return values.length === 0 ? {} : { values }
}

/**
 * The syscall that libuv tries first in Secco's own pods: each event loop asks for a ring, whatever UV_USE_IO_URING
 * says, and uses epoll on any error (libuv, src/unix/linux.c: uv__iou_init).
 */
export const uringProbe = 'io_uring_setup'

/** The answers of audit and of enforce: what the one hides, the other hides. */
const uringAnswers: readonly number[] = [constants.errno.EPERM, constants.errno.ENOSYS]

/** Returns whether a denial is libuv's probe in a pod of Secco itself. Elsewhere such a denial is worth a look. */
function isOwnProbe({ ref }: Target, name: string, detail: DenialDetail | undefined): boolean {
  const isOwn = ref.namespace === rootNamespace && uringAnswers.includes(detail?.errno ?? 0)
  return isOwn && name === uringProbe
}

/** Returns whether a satellite may call the denial of a syscall expected: one of an earlier version expects more. */
export const mayBeExpected = (syscall: string): boolean =>
  syscall === uringProbe || libcFallbackOf(syscall) !== undefined

function isExpected(target: Target, name: string, detail: DenialDetail | undefined): boolean {
  const isReported = detail?.expected === true && libcFallbackOf(name) !== undefined
  return isReported || isOwnProbe(target, name, detail)
}

/** Returns the denials of an observation, checked: it can hold anything, and a process chooses its own name. */
export function denialsOf(
  observation: Pick<Observation, 'denied' | 'id' | 'container' | 'revision'>,
  { target, node, lastSeen }: { target: Target; node: string; lastSeen: string }
): Denial[] {
  const { container, revision } = observation
  const [id, named, podName] = [
    container?.id ?? '',
    container?.name ?? '',
    container?.podName ?? ''
  ]
  const whose = {
    container: cutText(id, longestText),
    containerName: cutText(named, longestName),
    pod: cutText(podName, longestName),
    revision: cutText(revision, longestText)
  }
  return observation.denied
    .filter(({ name, count }) => syscallForm.test(name) && count > 0)
    .slice(0, mostDenials)
    .map(({ name, count, action, detail }) => ({
      ...{ namespace: target.ref.namespace, profile: target.ref.name, node },
      ...{ instance: observation.id, ...whose },
      workload: `${target.workload.kind}/${target.workload.name}`,
      ...podUidOf(observation),
      ...{ syscall: name, count, lastSeen },
      action: fitting(action, actionForm),
      abi: (abis as readonly string[]).includes(detail?.abi ?? '') ? (detail?.abi ?? '') : '',
      errno: errnoOf(detail?.errno),
      signal: detail?.signal === 'SIGSYS' ? 'SIGSYS' : '',
      pid: detail?.pid ?? 0,
      comm: cutText(detail?.comm ?? '', longestComm),
      at: knownTime(detail?.at),
      ...firstAtOf(detail),
      arguments: fitting(detail?.arguments ?? '', argumentsForm),
      ...valuesOf(detail),
      expected: isExpected(target, name, detail),
      succeeded: detail?.succeeded ?? 0
    }))
}
