import type { SeccompAction } from '../../src/api/seccomp-profile.js'
import type { Abi } from '../../src/syscalls/abi.js'
import { syscallName } from '../../src/syscalls/syscall-table.js'

/** Audit record types (linux/audit.h): the action of a seccomp filter, and the arguments of the same call. */
export const auditSeccomp = 1326
export const auditSyscall = 1300

const x32Bit = 0x40000000
/** AUDIT_ARCH_* in hexadecimal, as the record has it. */
const abiOfArch: Record<string, Abi> = {
  c000003e: 'x86_64',
  '40000003': 'i386',
  c00000b7: 'aarch64'
}
/** SECCOMP_RET_ACTION_FULL (linux/seccomp.h). */
const actionOfCode: Record<number, SeccompAction> = {
  0x80000000: 'SCMP_ACT_KILL_PROCESS',
  0: 'SCMP_ACT_KILL_THREAD',
  0x30000: 'SCMP_ACT_TRAP',
  0x50000: 'SCMP_ACT_ERRNO',
  0x7ffc0000: 'SCMP_ACT_LOG'
}

/** One denied or logged call as the audit log has it. */
export interface AuditedCall {
  /** The record of the call's arguments has the same serial. */
  serial: string
  pid: number
  comm: string
  abi: Abi
  syscall: string
  action: SeccompAction
  /** Milliseconds since 1970. */
  at: number
}

function fieldsOf(text: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const [, name = '', value = ''] of text.matchAll(/(\w+)=("[^"]*"|\S+)/g)) {
    if (!fields.has(name)) fields.set(name, value)
  }
  return fields
}

/** Decodes a name: in quotes, or in hexadecimal if it contains a blank, a quote or a control character (audit_log_untrustedstring). */
function commOf(value: string): string {
  if (value.startsWith('"')) return value.slice(1, -1)
  return /^([0-9A-F]{2})+$/.test(value) ? Buffer.from(value, 'hex').toString('latin1') : value
}

function stampOf(text: string): { serial: string; at: number } | undefined {
  const [, seconds, serial] = /^audit\((\d+\.\d+):(\d+)\)/.exec(text) ?? []
  if (seconds === undefined || serial === undefined) return undefined
  return { serial: `${seconds}:${serial}`, at: Math.round(Number(seconds) * 1000) }
}

/** Parses a seccomp record; undefined if the text has another shape. */
export function parseSeccompRecord(text: string): AuditedCall | undefined {
  const stamp = stampOf(text)
  const fields = fieldsOf(text)
  const abi = abiOfArch[fields.get('arch') ?? '']
  const action = actionOfCode[(Number(fields.get('code')) & 0xffff0000) >>> 0]
  const [pid, nr] = [Number(fields.get('pid')), Number(fields.get('syscall'))]
  if (stamp === undefined || abi === undefined || action === undefined) return undefined
  if (!(pid > 0) || !(nr >= 0)) return undefined
  const isX32 = abi === 'x86_64' && nr >= x32Bit
  const own = isX32 ? 'x32' : abi
  const syscall = syscallName(own, isX32 ? nr - x32Bit : nr)
  return { ...stamp, pid, comm: commOf(fields.get('comm') ?? ''), abi: own, syscall, action }
}

/** Parses a syscall record: the arguments, and the serial of their call. Such records exist if auditing of syscalls is on. */
export function parseArgumentsRecord(
  text: string
): { serial: string; arguments: string } | undefined {
  const stamp = stampOf(text)
  const fields = fieldsOf(text)
  const found = ['a0', 'a1', 'a2', 'a3'].map((name) => fields.get(name))
  if (stamp === undefined || found.some((value) => !/^[0-9a-f]+$/.test(value ?? ''))) {
    return undefined
  }
  return { serial: stamp.serial, arguments: found.map((value) => `0x${value ?? ''}`).join(' ') }
}
