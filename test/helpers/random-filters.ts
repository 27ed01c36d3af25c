import type {
  LinuxSeccomp,
  SeccompAction,
  SeccompArg,
  SeccompSyscall
} from '../../src/api/seccomp-profile.js'
import { seccompOperators } from '../../src/api/seccomp-words.js'
import { knownSyscalls } from '../../src/syscalls/syscall-table.js'
import { seededRandom } from './random.js'

const actions: readonly [SeccompAction, number?][] = [
  ...[['SCMP_ACT_ALLOW'], ['SCMP_ACT_ALLOW'], ['SCMP_ACT_ALLOW'], ['SCMP_ACT_LOG']],
  ...[['SCMP_ACT_ERRNO'], ['SCMP_ACT_ERRNO', 1], ['SCMP_ACT_ERRNO', 38], ['SCMP_ACT_ERRNO', 97]],
  ...[['SCMP_ACT_KILL_PROCESS'], ['SCMP_ACT_KILL_THREAD'], ['SCMP_ACT_KILL'], ['SCMP_ACT_TRAP']]
] as [SeccompAction, number?][]

/** Numbers at which comparisons, masks and halves of registers change. */
const numbers = [
  ...[0, 1, 2, 3, 7, 8, 15, 16, 17, 38, 40, 64, 255, 0x5401, 0x10000000, 0x7e020000, 0x7fffffff],
  ...[0x80000000, 0xfffffffe, 0xffffffff, 2 ** 32, 2 ** 32 + 1, 2 ** 32 + 5, 2 ** 33, 2 ** 40 + 7],
  ...[2 ** 52, Number.MAX_SAFE_INTEGER]
]

const architectures: readonly LinuxSeccomp['architectures'][] = [
  [],
  ['SCMP_ARCH_X86_64'],
  ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
  ['SCMP_ARCH_X86', 'SCMP_ARCH_X86_64'],
  ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X32'],
  ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']
]

const unknownNames = ['nosuchcall', 'syscall_500', 'tuxcall2']

/** Draws profiles as a hostile hub or a careless author might write them. */
export class RandomFilters {
  readonly random: () => number
  readonly #names: readonly string[]

  /** @param names the syscalls that profiles name */
  constructor(seed: number, names: readonly string[] = knownSyscalls) {
    this.random = seededRandom(seed)
    this.#names = names
  }

  pick<T>(list: readonly T[]): T {
    const one = list[Math.floor(this.random() * list.length)]
    if (one === undefined) throw new Error('an empty list')
    return one
  }

  #number(): number {
    return this.random() < 0.2 ? Math.floor(this.random() * 2 ** 53) : this.pick(numbers)
  }

  #arg(index: number): SeccompArg {
    const op = this.pick(seccompOperators)
    const value = this.#number()
    if (op !== 'SCMP_CMP_MASKED_EQ' || this.random() < 0.1) return { index, op, value }
    // Some of the bits that are compared, and sometimes others, which no call can have under the mask.
    const second = this.#number()
    const inMask = Number(BigInt(value) & BigInt(second))
    return { index, op, value, valueTwo: this.random() < 0.2 ? second : inMask }
  }

  /** @param only the one argument that all rules of the name compare; undefined: several. */
  #args(only: number | undefined): SeccompArg[] {
    if (only !== undefined) return [this.#arg(only)]
    const shuffled = [0, 1, 2, 3, 4, 5]
      .map((index) => ({ index, at: this.random() }))
      .sort((a, b) => a.at - b.at)
    const args = shuffled
      .slice(0, 1 + Math.floor(this.random() * 3))
      .map(({ index }) => this.#arg(index))
    const [first] = args
    // Two on one argument: runtimes join them by OR.
    return first !== undefined && this.random() < 0.03 ? [...args, this.#arg(first.index)] : args
  }

  #rule(names: string[], only: number | undefined): SeccompSyscall {
    const [action, errnoRet] = this.pick(actions)
    return {
      ...{ names, action },
      ...(errnoRet === undefined ? {} : { errnoRet }),
      ...(this.random() < 0.2 ? {} : { args: this.#args(only) })
    }
  }

  /** A profile of about 25 rules for a dozen names; some occur twice, some are unknown. */
  profile(): LinuxSeccomp {
    const names = Array.from({ length: 12 }, () => this.pick(this.#names))
    const rules = names.flatMap((name) => {
      const only = this.random() < 0.5 ? Math.floor(this.random() * 3) : undefined
      return Array.from({ length: 1 + Math.floor(this.random() * 3) }, () => {
        const others = this.random() < 0.1 ? [this.pick(names), this.pick(unknownNames)] : []
        return this.#rule([...new Set([name, ...others])], only)
      })
    })
    const [defaultAction, errno] = this.pick(actions)
    const mixed = rules
      .map((rule) => ({ rule, at: this.random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ rule }) => rule)
    return {
      defaultAction,
      ...(errno === undefined ? {} : { defaultErrnoRet: errno }),
      architectures: [...(this.pick(architectures) ?? [])],
      // Names that every ABI has, without conditions: see "libseccomp forgets to read the number" in differential.test.ts.
      syscalls: [
        ...mixed,
        { names: ['getpid'], action: 'SCMP_ACT_LOG' },
        { names: ['sync'], action: 'SCMP_ACT_ERRNO', errnoRet: 71 }
      ]
    }
  }

  /** Arguments at and beside the borders of these conditions. */
  call(args: readonly SeccompArg[]): bigint[] {
    const call = Array<bigint>(6).fill(0n)
    for (const { index, value, valueTwo = 0 } of args) {
      if (this.random() < 0.3) continue
      const border = BigInt(this.pick([value, valueTwo]))
      const beside = this.pick([0n, 0n, 1n, -1n, 1n << 32n, -(1n << 32n), 1n << 63n])
      const flipped = this.random() < 0.15 ? 1n << BigInt(Math.floor(this.random() * 64)) : 0n
      call[index] = BigInt.asUintN(64, (border + beside) ^ flipped)
    }
    return call
  }
}
