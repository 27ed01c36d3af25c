import type { Abi } from '../../src/syscalls/abi.js'
import { syscallName } from '../../src/syscalls/syscall-table.js'

/** How `strace` has to be called for {@link readStraceLog}; `-o FILE` and the command follow. */
export const straceArguments = [
  '-f',
  '-n',
  '--decode-pids=pidns',
  '-s',
  '0',
  '-e',
  'signal=none'
] as const

/** ABI and name, as in `i386:getpid` → times it was asked. */
export type CallCounts = Map<string, number>

interface Task {
  filtered: boolean
  /** The ABI of its newest call that only one ABI can mean. */
  abi: Abi
  /** A successful execve whose new program's ABI is not known yet. */
  exec: Abi | undefined
}

interface Line {
  tid: number
  nr: number
  name: string
  /** It began earlier; this line ends it. */
  resumed: boolean
  /** Its result, decimal; undefined while it has none. */
  result: number | undefined
  /** A task that it made, in strace's pid namespace. */
  child: number | undefined
  text: string
}

const x32Bit = 0x40000000
const forks = new Set(['clone', 'clone3', 'fork', 'vfork'])
/** Of tasks that strace met as part of the process it was started with. */
const outside: Task = { filtered: false, abi: 'x86_64', exec: undefined }

function parse(text: string): Line | undefined {
  const head = /^(\d+) +\[ *(\d+)\] (?:<\.\.\. (\w+) resumed>|(\w+)\()/.exec(text)
  if (head === null) return undefined
  const resumed = head[3] !== undefined
  // "= 7 /* 6800 in strace's PID NS */": the first number is the caller's own view.
  const tail = /\) += (-?\d+)(?:<[^>]*>)?(?: \/\* (\d+) in strace's PID NS \*\/)?[^=]*$/.exec(text)
  const result = tail === null ? undefined : Number(tail[1])
  const name = head[3] ?? head[4] ?? ''
  const made = result !== undefined && result > 0 && forks.has(name)
  return {
    tid: Number(head[1]),
    nr: Number(head[2]),
    name,
    resumed,
    result,
    child: made ? Number(tail?.[2] ?? result) : undefined,
    text
  }
}

/** strace numbers each call and names it by the right table; undefined where both tables fit, or none. */
function abiOf(nr: number, name: string): Abi | undefined {
  if (nr >= x32Bit) return 'x32'
  const native = syscallName('x86_64', nr) === name
  const compat = syscallName('i386', nr) === name
  if (native === compat) return undefined
  return native ? 'x86_64' : 'i386'
}

interface Birth {
  parent: number
  /** The child's own first line came before that one. */
  overtaken: boolean
}

/** Which tasks made which, in the order of the log: a number that comes again is another task. */
function birthsIn(lines: readonly (Line | undefined)[]): Map<number, Birth[]> {
  const births = new Map<number, Birth[]>()
  for (const line of lines) {
    if (line?.child === undefined) continue
    const list = births.get(line.child) ?? []
    list.push({ parent: line.tid, overtaken: false })
    births.set(line.child, list)
  }
  return births
}

const installs =
  /^\d+ +\[ *\d+\] (?:prctl\(PR_SET_SECCOMP, SECCOMP_MODE_FILTER|seccomp\(SECCOMP_SET_MODE_FILTER)/

/**
 * What a container's filter was asked, read from `strace -f` on the runtime that started it: per task,
 * everything after the call that put its first filter in place, and everything of the tasks that such
 * a task makes. The runtime's other threads run beside it without a filter and are no part of it.
 * @throws Error when a task's origin cannot be told: a guess could hide a foreign or a missing call.
 */
export function readStraceLog(log: string): CallCounts {
  const texts = log.split('\n')
  const lines = texts.map(parse)
  const births = birthsIn(lines)
  const tasks = new Map<number, Task>()
  /** Forks under way: what their child's first line may be overtaking. */
  const forking = new Set<number>()
  const installing = new Set<number>()
  const counts: CallCounts = new Map()
  const count = (key: string, amount: number): void => {
    counts.set(key, (counts.get(key) ?? 0) + amount)
  }

  const meet = (tid: number): Task => {
    const birth = births.get(tid)?.find(({ overtaken }) => !overtaken)
    if (birth !== undefined) {
      // Its parent is still inside the fork, so what the parent has now is what the child was given.
      birth.overtaken = true
      return { ...(tasks.get(birth.parent) ?? outside), exec: undefined }
    }
    if (tasks.size === 0) return { ...outside }
    // Its parent was killed inside the fork and never said its number: any fork under way may be it.
    const origins = [...forking].map((one) => tasks.get(one) ?? outside)
    const [first] = origins
    if (first === undefined || origins.some(({ filtered }) => filtered !== first.filtered)) {
      throw new Error(`strace: nobody made task ${tid}`)
    }
    return { ...first, exec: undefined }
  }

  for (const [at, text] of texts.entries()) {
    const line = lines[at]
    if (line === undefined) {
      const [, gone, heir] =
        /^(\d+) +(?:\[[ \d]+\] )?\+\+\+ (?:superseded by execve in pid (\d+)|exited|killed)/.exec(
          text
        ) ?? []
      if (gone === undefined) continue
      // The thread that called execve goes on under the number of its group's leader.
      const successor = heir === undefined ? undefined : tasks.get(Number(heir))
      if (successor === undefined) tasks.delete(Number(gone))
      else tasks.set(Number(gone), successor)
      forking.delete(Number(gone))
      continue
    }
    const { tid, nr, name, resumed, result } = line
    const task = tasks.get(tid) ?? meet(tid)
    tasks.set(tid, task)
    if (forks.has(name)) {
      if (result === undefined) forking.add(tid)
      else forking.delete(tid)
    }
    if (!resumed && task.filtered) {
      const certain = abiOf(nr, name)
      if (task.exec !== undefined && (certain === 'x86_64' || certain === 'i386')) {
        // The kernel renumbers an execve into another ABI as that ABI's own before anybody sees it end
        // (arch/x86: __set_personality_ia32, set_personality_64bit). At its beginning strace saw the old
        // number; that one is `execve` too, which every profile has.
        if (task.exec !== certain) {
          count(`${task.exec}:execve`, -1)
          count(`${certain}:execve`, 1)
        }
        task.exec = undefined
      }
      if (certain === 'x86_64' || certain === 'i386') task.abi = certain
      const abi = certain ?? task.abi
      count(`${abi}:${syscallName(abi, nr >= x32Bit ? nr - x32Bit : nr)}`, 1)
    }
    if (line.child !== undefined) {
      const [birth, ...later] = births.get(line.child) ?? []
      births.set(line.child, later)
      // From now on the parent may get a filter that this child does not have.
      if (birth?.overtaken === false) tasks.set(line.child, { ...task, exec: undefined })
    }
    if (name === 'execve' && result === 0) task.exec = task.abi
    if (!resumed && installs.test(text)) installing.add(tid)
    if (installing.has(tid) && result !== undefined) {
      installing.delete(tid)
      if (result === 0) task.filtered = true
    }
  }
  for (const [key, amount] of counts) if (amount === 0) counts.delete(key)
  return counts
}
