import { SeccoError } from '../../src/lib/errors.js'

/**
 * Static programs, made without a compiler, whose syscalls are all known: `nothing` ends at once (exit_group),
 * `wait` stays in one call forever (pause; ppoll where there is no pause), `ask` calls getsid once before that.
 */
interface TinyPrograms {
  nothing: Buffer
  wait: Buffer
  ask: Buffer
  /** Every call that the first two make. */
  own: readonly string[]
}

const headerSize = 64 + 56
const base = 0x400000

/** Builds an ELF64 executable with one loaded segment (elf(5)): header, program header, code. */
function elf(machine: number, code: Uint8Array): Buffer {
  const file = Buffer.alloc(headerSize + code.length)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  file.writeUInt16LE(2, 16)
  file.writeUInt16LE(machine, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(BigInt(base + headerSize), 24)
  file.writeBigUInt64LE(64n, 32)
  file.writeUInt16LE(64, 52)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(1, 56)
  file.writeUInt32LE(1, 64)
  file.writeUInt32LE(5, 68)
  file.writeBigUInt64LE(BigInt(base), 80)
  file.writeBigUInt64LE(BigInt(base), 88)
  file.writeBigUInt64LE(BigInt(file.length), 96)
  file.writeBigUInt64LE(BigInt(file.length), 104)
  file.writeBigUInt64LE(0x1000n, 112)
  file.set(code, headerSize)
  return file
}

function words(...instructions: number[]): Uint8Array {
  const bytes = Buffer.alloc(instructions.length * 4)
  for (const [index, instruction] of instructions.entries()) {
    bytes.writeUInt32LE(instruction, index * 4)
  }
  return bytes
}

/** @param machine `uname -m`. @throws SeccoError TRACING_UNAVAILABLE for one without programs */
export function tinyPrograms(machine: string): TinyPrograms {
  if (machine === 'x86_64') {
    return {
      // mov eax, 231; xor edi, edi; syscall
      nothing: elf(62, Uint8Array.of(0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05)),
      // again: mov eax, 34; syscall; jmp again
      wait: elf(62, Uint8Array.of(0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7)),
      // mov eax, 124; xor edi, edi; syscall; then as above
      ask: elf(
        62,
        Uint8Array.of(
          ...[0xb8, 124, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05],
          ...[0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7]
        )
      ),
      own: ['exit_group', 'pause']
    }
  }
  if (machine === 'aarch64') {
    const zero = [0xd2800000, 0xd2800001, 0xd2800002, 0xd2800003]
    return {
      // mov x8, 94; mov x0, 0; svc 0
      nothing: elf(183, words(0xd2800bc8, 0xd2800000, 0xd4000001)),
      // again: mov x8, 73; x0 … x3 = 0; svc 0; b again
      wait: elf(183, words(0xd2800928, ...zero, 0xd4000001, 0x17fffffa)),
      // mov x8, 156; mov x0, 0; svc 0; then as above
      ask: elf(
        183,
        words(
          ...[0xd2801388, 0xd2800000, 0xd4000001],
          ...[0xd2800928, ...zero, 0xd4000001, 0x17fffffa]
        )
      ),
      own: ['exit_group', 'ppoll']
    }
  }
  throw new SeccoError('TRACING_UNAVAILABLE', `base measure: no test program for ${machine}`, {
    hint: 'run it on x86_64 or aarch64'
  })
}
