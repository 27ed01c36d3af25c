import type { Abi } from '../../syscalls/abi.js'
import type { SyscallCounts } from '../../syscalls/syscall-set.js'
import { type Place, invalidField } from './fields.js'
import { linesOf } from './lines.js'
import type { Lose } from './loss.js'
import { createTally, nativeAbi } from './observed.js'

/**
 * Prefix of a call: pid as `[pid 12]` or `12`, then time of day, seconds or a difference,
 * then an instruction pointer or a number in brackets (strace(1): -f, -t -tt -ttt -r, -i, -n).
 */
const pid = String.raw`(?:\[pid\s+(\d{1,10})\]\s+|(\d{1,10})\s+(?=\S))?`
const time = String.raw`(?:\s*(?:\d\d:\d\d:\d\d(?:\.\d{1,9})?|\d{1,12}\.\d{1,9})\s+)?`
const difference = String.raw`(?:\(\+\s*\d{1,12}\.\d{1,9}\)\s+)?`
const bracketed = String.raw`(?:\[\s*(?:[0-9a-f]{1,16}|\?+)\]\s+){0,2}`
const leader = new RegExp(`^${pid}${time}${difference}${bracketed}`)
const call = /^([a-z_][a-z0-9_]{0,63})\(/
const resumed = /^<\.\.\. ([a-z_][a-z0-9_]{0,63}) resumed>/
const mode = /\[ Process PID=(\d{1,10}) runs in (32 bit|64 bit|x32) mode\. \]/
/** Signals, ends and strace's own words. */
const chatter = /^(?:---|\+\+\+|strace: |<detached|<\.\.\. |\?\?\?\?\(|Process \d+ |\[)/

const succeeded = (tail: string) => /\)\s*=\s*0(?:\s+<[\d.]+>)?\s*$/.test(tail)

interface Parsed {
  pid: string
  rest: string
}

function parseLine(head: string): Parsed {
  const found = leader.exec(head)
  return {
    pid: found?.[1] ?? found?.[2] ?? '',
    rest: head.slice(found?.[0].length ?? 0)
  }
}

/** How many of a text's first lines are strace's: for telling formats apart. */
export function looksLikeStrace(text: string): boolean {
  let [like, other] = [0, 0]
  for (const { head, number } of linesOf(text.slice(0, 65_536), '')) {
    if (number > 200) break
    if (head.trim() === '') continue
    const { rest } = parseLine(head)
    if (call.test(rest)) like++
    else if (!chatter.test(rest)) other++
  }
  return like > 0 && like >= other
}

interface Trace {
  counts: SyscallCounts
  /** Whether the trace begins with the command's own execve, so that it misses nothing before. */
  fromStart: boolean
}

/**
 * Output of `strace` with or without -f and time stamps, from a terminal or -o. Each call counts once,
 * where it begins; what stands before the first execve that succeeded is strace's own preparation.
 * 32 bit and x32 modes are followed per process. INVALID_DOCUMENT when it holds no call.
 */
export function importStrace(text: string, place: Place, lose: Lose, machine = 'x86_64'): Trace {
  const native = nativeAbi(machine)
  const tally = createTally(machine)
  const abiOf = new Map<string, Abi>()
  const prefixed = new Set<string>()
  let [calls, foreign] = [0, 0]
  let first: string | undefined
  let begun = false
  const abiFor = (pid: string) => abiOf.get(pid) ?? native
  for (const { head, tail } of linesOf(text, place.where)) {
    const switched = mode.exec(head)
    if (switched !== null) {
      const abi = switched[2] === '32 bit' ? 'i386' : switched[2] === 'x32' ? 'x32' : native
      const pid = switched[1] ?? ''
      abiOf.set(pid, native === 'x86_64' ? abi : native)
      if (!prefixed.has(pid)) abiOf.set('', abiFor(pid))
      continue
    }
    const { pid, rest } = parseLine(head)
    const name = call.exec(rest)?.[1]
    const again = resumed.exec(rest)?.[1]
    if (name === undefined && again === undefined) {
      if (head.trim() !== '' && !chatter.test(rest)) foreign++
      continue
    }
    if (prefixed.size < 1_000_000) prefixed.add(pid)
    first ??= name
    if (!begun) {
      const isExec = (name ?? again) === 'execve' || (name ?? again) === 'execveat'
      // Attached to a running process: there is no start to wait for.
      if (first !== 'execve' && first !== 'execveat') begun = true
      else if (!isExec || !succeeded(tail)) continue
      else {
        begun = true
        tally.add(abiFor(pid), name ?? again ?? '')
        calls++
        continue
      }
    }
    if (name === undefined) continue
    calls++
    tally.add(abiFor(pid), name)
  }
  if (calls === 0) {
    throw invalidField(
      place,
      first === undefined
        ? 'holds no line that strace writes (`name(arguments) = result`)'
        : 'holds no execve that succeeded: the command never started',
      'record it with `strace -f -o FILE -- COMMAND`'
    )
  }
  const fromStart = first === 'execve' || first === 'execveat'
  if (!fromStart) {
    lose({
      path: place.path,
      what: 'the start of the process',
      why: 'the trace does not begin with an execve: strace was attached later',
      fix: 'everything in it counts; what happened before is missing'
    })
  }
  if (foreign > 0) {
    lose({
      path: place.path,
      what: `${foreign} lines`,
      why: 'they are not output of strace (the command wrote to the same terminal?)',
      fix: 'left out; record with -o FILE to keep them apart'
    })
  }
  return { counts: tally.finish(place.path, lose), fromStart }
}
