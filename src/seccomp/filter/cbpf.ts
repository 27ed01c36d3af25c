import { SeccoError } from '../../lib/errors.js'

/**
 * Classic BPF as seccomp uses it (linux/filter.h, kernel/seccomp.c seccomp_check_filter): a pure
 * interpreter, to ask a kernel's filter what it answers.
 */

/** Input of a filter: struct seccomp_data. */
interface SeccompData {
  nr: number
  /** AUDIT_ARCH_*. */
  arch: number
  args?: readonly bigint[]
  instructionPointer?: bigint
}

/** Instructions, taken apart once: filters are asked thousands of times. */
export interface Filter {
  readonly length: number
  readonly code: Uint16Array
  readonly jt: Uint8Array
  readonly jf: Uint8Array
  readonly k: Uint32Array
}

const bytesEach = 8

/**
 * Reads struct sock_filter[] (little endian, as on every machine that Secco runs on).
 * @throws SeccoError INVALID_DOCUMENT when the bytes are no whole number of instructions.
 */
export function parseFilter(bytes: Uint8Array): Filter {
  if (bytes.length === 0 || bytes.length % bytesEach !== 0) {
    throw new SeccoError('INVALID_DOCUMENT', `${bytes.length} bytes are no filter`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = bytes.length / bytesEach
  const filter = {
    length,
    code: new Uint16Array(length),
    jt: new Uint8Array(length),
    jf: new Uint8Array(length),
    k: new Uint32Array(length)
  }
  for (let i = 0; i < length; i += 1) {
    const at = i * bytesEach
    filter.code[i] = view.getUint16(at, true)
    filter.jt[i] = view.getUint8(at + 2)
    filter.jf[i] = view.getUint8(at + 3)
    filter.k[i] = view.getUint32(at + 4, true)
  }
  return filter
}

/** struct seccomp_data as sixteen words: nr, arch, instruction pointer, six arguments, low word first. */
export function dataWords({ nr, arch, args = [], instructionPointer = 0n }: SeccompData) {
  const words = new Uint32Array(16)
  words[0] = nr
  words[1] = arch
  for (const [at, value] of [instructionPointer, ...args].entries()) {
    if (at > 6) break
    words[2 + 2 * at] = Number(value & 0xffffffffn)
    words[3 + 2 * at] = Number((value >> 32n) & 0xffffffffn)
  }
  return words
}

/** Opcodes of filter.h that seccomp accepts, by their whole value. */
export const op = {
  loadWord: 0x20,
  loadLength: 0x80,
  loadImmediate: 0x00,
  loadMemory: 0x60,
  indexImmediate: 0x01,
  indexMemory: 0x61,
  indexLength: 0x81,
  store: 0x02,
  storeIndex: 0x03,
  returnK: 0x06,
  returnA: 0x16,
  jump: 0x05,
  tax: 0x07,
  txa: 0x87
} as const

/** The kinds of conditional jumps: JEQ, JGT, JGE, JSET. */
export const jumpKind = { equal: 0x10, greater: 0x20, atLeast: 0x30, anyBit: 0x40 } as const

/** The class of an opcode is in its lower bits, its kind in the upper ones. */
export const classOf = (opcode: number): number => opcode & 0x07
export const kindOf = (opcode: number): number => opcode & 0xf0
export const usesIndex = (opcode: number): boolean => (opcode & 0x08) !== 0
export const aluClass = 0x04
export const jumpClass = 0x05
export const aluAnd = 0x50
const dataBytes = 64

function alu(kind: number, a: number, b: number): number {
  switch (kind) {
    case 0x00:
      return (a + b) >>> 0
    case 0x10:
      return (a - b) >>> 0
    case 0x20:
      return Math.imul(a, b) >>> 0
    case 0x30:
      return b === 0 ? Number.NaN : Math.floor(a / b)
    case 0x40:
      return (a | b) >>> 0
    case aluAnd:
      return (a & b) >>> 0
    case 0x60:
      return b > 31 ? 0 : (a << b) >>> 0
    case 0x70:
      return b > 31 ? 0 : a >>> b
    case 0x80:
      return -a >>> 0
    case 0xa0:
      return (a ^ b) >>> 0
    default:
      throw new RangeError(`arithmetic 0x${kind.toString(16)} is not seccomp's`)
  }
}

export function isTaken(kind: number, a: number, b: number): boolean {
  switch (kind) {
    case jumpKind.equal:
      return a === b
    case jumpKind.greater:
      return a > b
    case jumpKind.atLeast:
      return a >= b
    case jumpKind.anyBit:
      return (a & b) !== 0
    default:
      throw new RangeError(`jump 0x${kind.toString(16)} is not seccomp's`)
  }
}

/**
 * Runs a filter over {@link dataWords}. @returns the kernel's 32-bit answer (SECCOMP_RET_*).
 * @throws RangeError for instructions that no kernel accepts.
 */
export function runFilter(filter: Filter, words: Uint32Array): number {
  const { code, jt, jf, k, length } = filter
  const memory = new Uint32Array(16)
  let a = 0
  let x = 0
  for (let at = 0; at < length; at += 1) {
    const opcode = code[at] ?? 0
    const value = k[at] ?? 0
    switch (opcode) {
      case op.loadWord:
        if (value >= dataBytes || value % 4 !== 0) throw new RangeError(`load at ${value}`)
        a = words[value >> 2] ?? 0
        continue
      case op.loadLength:
        a = dataBytes
        continue
      case op.indexLength:
        x = dataBytes
        continue
      case op.loadImmediate:
        a = value
        continue
      case op.indexImmediate:
        x = value
        continue
      case op.loadMemory:
        a = memory[value] ?? 0
        continue
      case op.indexMemory:
        x = memory[value] ?? 0
        continue
      case op.store:
        memory[value] = a
        continue
      case op.storeIndex:
        memory[value] = x
        continue
      case op.tax:
        x = a
        continue
      case op.txa:
        a = x
        continue
      case op.returnK:
        return value
      case op.returnA:
        return a
      case op.jump:
        at += value
        continue
      default:
    }
    const operand = usesIndex(opcode) ? x : value
    if (classOf(opcode) === aluClass) {
      a = alu(kindOf(opcode), a, operand)
      // bpf_prog_run: a division by zero ends the program with 0 (kill).
      if (Number.isNaN(a)) return 0
    } else if (classOf(opcode) === jumpClass) {
      at += (isTaken(kindOf(opcode), a, operand) ? jt[at] : jf[at]) ?? 0
    } else {
      throw new RangeError(`instruction 0x${opcode.toString(16)} is not seccomp's`)
    }
  }
  throw new RangeError('the filter ends without an answer')
}

/** Actions of the kernel; of several filters the lowest action wins (seccomp(2)). */
const answers = [
  [0x80000000, 'SCMP_ACT_KILL_PROCESS'],
  [0x00000000, 'SCMP_ACT_KILL_THREAD'],
  [0x00030000, 'SCMP_ACT_TRAP'],
  [0x00050000, 'SCMP_ACT_ERRNO'],
  [0x7fc00000, 'SCMP_ACT_NOTIFY'],
  [0x7ff00000, 'SCMP_ACT_TRACE'],
  [0x7ffc0000, 'SCMP_ACT_LOG'],
  [0x7fff0000, 'SCMP_ACT_ALLOW']
] as const

export interface FilterAnswer {
  action: (typeof answers)[number][1] | 'unknown'
  /** The errno of SCMP_ACT_ERRNO, else 0. */
  errno: number
}

/** Describes a 32-bit answer. */
export function readAnswer(value: number): FilterAnswer {
  const kind = (value & 0xffff0000) >>> 0
  const action = answers.find(([number]) => number === kind)?.[1] ?? 'unknown'
  return { action, errno: action === 'SCMP_ACT_ERRNO' ? value & 0xffff : 0 }
}

/** AUDIT_ARCH_* and the bit that numbers carry, per ABI (linux/audit.h, asm/unistd.h). */
export const archOf = {
  x86_64: { arch: 0xc000003e, bit: 0 },
  i386: { arch: 0x40000003, bit: 0 },
  x32: { arch: 0xc000003e, bit: 0x40000000 },
  aarch64: { arch: 0xc00000b7, bit: 0 }
} as const
