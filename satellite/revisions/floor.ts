import { compileFilter } from '../../native/trial-load.js'
import type { Revision, RevisionRef } from '../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import { archOf, type Filter, parseFilter } from '../../src/seccomp/filter/cbpf.js'
import { callsBeyond } from '../../src/seccomp/filter/filter-beyond.js'
import { namesBeyond, passSetOf, runtimeDefaultPassSet } from '../../src/seccomp/filter/pass-set.js'
import { runtimeDefault } from '../../src/seccomp/policy/runtime-default.js'
import { abisOfMachine } from '../../src/syscalls/abi.js'
import { syscallName } from '../../src/syscalls/syscall-table.js'
import type { Floor } from './floors.js'
import { parseRevision } from './parse-revision.js'

function weaker(revision: Revision, what: string): SeccoError {
  const { namespace, profile } = revision
  return new SeccoError('WEAKER_THAN_FLOOR', `${namespace}/${profile}: ${what}`)
}

/**
 * Rejects a revision that allows more than RuntimeDefault without a person's approval. A revision that allows what it
 * does not name is always rejected.
 * @returns names beyond RuntimeDefault that were approved.
 * @throws SeccoError WEAKER_THAN_FLOOR.
 */
export function checkFloor(revision: Revision, seccomp: LinuxSeccomp, floor: Floor): string[] {
  const passes = passSetOf(seccomp)
  if (passes.everything) {
    throw weaker(revision, `allows syscalls that it does not name (${seccomp.defaultAction})`)
  }
  const beyond = namesBeyond(passes, runtimeDefaultPassSet)
  checkApproved(revision, beyond, floor)
  return beyond
}

function checkApproved(revision: Revision, beyond: readonly string[], floor: Floor): void {
  if (beyond.length === 0) return
  const some = beyond.slice(0, 5).join(', ')
  if (floor === 'runtime-default') {
    throw weaker(revision, `allows ${some}, which RuntimeDefault denies`)
  }
  const { beyond: approved = [], approvedBy = '' } = revision.origin ?? {}
  const missing = beyond.filter((name) => !approved.includes(name))
  if (missing.length > 0 || approvedBy === '') {
    const names = (missing.length > 0 ? missing : beyond).slice(0, 5).join(', ')
    throw weaker(revision, `allows ${names} beyond RuntimeDefault, which nobody approved`)
  }
}

/** Returns the name of a syscall by the number that a filter sees, which has a bit of its own in x32. */
function nameOf(arch: number, nr: number): string {
  const { x32, i386, aarch64 } = archOf
  if (arch === i386.arch) return syscallName('i386', nr)
  if (arch === aarch64.arch) return syscallName('aarch64', nr)
  return (nr & x32.bit) === 0 ? syscallName('x86_64', nr) : syscallName('x32', nr & ~x32.bit)
}

async function compileDefault(machine: string): Promise<Filter> {
  const built = await compileFilter(runtimeDefault({ machine }))
  if (built !== undefined) return parseFilter(built.bytes)
  throw new SeccoError(
    'TRIAL_LOAD_FAILED',
    'RuntimeDefault: libseccomp cannot build it on this node'
  )
}

/**
 * CompiledFloor compares what libseccomp built of a revision with what it builds of RuntimeDefault, over all calls of the
 * machine's ABIs. checkFloor() reads the rules; libseccomp may build other ones of them (loadable.ts), and the kernel
 * runs what it built.
 */
export class CompiledFloor {
  readonly #floor: Floor
  readonly #machine: string
  /** RuntimeDefault as this node's libseccomp builds it: the library stays the same while the process runs. */
  #compiledDefault: Promise<Filter> | undefined

  /** @param machine `uname -m` */
  constructor(floor: Floor, machine: string) {
    this.#floor = floor
    this.#machine = machine
  }

  /** @throws SeccoError WEAKER_THAN_FLOOR. */
  async check(revision: Revision, bytes: Uint8Array): Promise<void> {
    const abis = abisOfMachine(this.#machine)
    const archs = new Set(abis.map((abi) => archOf[abi].arch))
    const filter = parseFilter(bytes)
    const usual = await this.#usual()
    const beyond = new Set<string>()
    for (const arch of archs) {
      const { calls, undecided } = callsBeyond(filter, usual, arch)
      if (undecided !== undefined) {
        throw weaker(revision, `its filter cannot be compared with RuntimeDefault (${undecided})`)
      }
      for (const { nr } of calls) beyond.add(nameOf(arch, nr))
    }
    checkApproved(revision, [...beyond].sort(), this.#floor)
  }

  #usual(): Promise<Filter> {
    this.#compiledDefault ??= compileDefault(this.#machine).catch((error: unknown) => {
      this.#compiledDefault = undefined
      throw error
    })
    return this.#compiledDefault
  }
}

/**
 * Checks a file of an earlier run, in which a weaker floor may have counted. With `approved` it was checked when it was
 * written; `runtime-default` needs nothing but the file.
 * @throws SeccoError WEAKER_THAN_FLOOR, INVALID_DOCUMENT.
 */
export async function checkHeld(ref: RevisionRef, bytes: Uint8Array, floor: Floor): Promise<void> {
  if (floor !== 'runtime-default') return
  checkFloor(
    { ...ref, json: Buffer.from(bytes), origin: undefined },
    await parseRevision(bytes),
    floor
  )
}
