import type { Abi } from '../../syscalls/abi.js'
import type { SyscallCounts } from '../../syscalls/syscall-set.js'
import { type Place, invalidField } from './fields.js'
import { linesOf } from './lines.js'
import type { Lose } from './loss.js'
import { createTally, nativeAbi } from './observed.js'

const header = /^\s*% time\s.*\bsyscall\s*$/
const row =
  /^\s*\d{1,3}\.\d{1,3}\s+\d{1,12}\.\d{1,9}\s+\d{1,12}\s+(\d{1,15})\s+(?:\d{1,15}\s+)?([a-z_][a-z0-9_]{0,63})\s*$/
const heading = /System call usage summary for (\S{1,8}(?: bit)?) mode/

/** True for text that has the head of strace's summary table. */
export function looksLikeStraceCount(text: string): boolean {
  return text
    .slice(0, 65_536)
    .split('\n', 400)
    .some((line) => header.test(line.slice(0, 200)))
}

/**
 * The tables of `strace -c`, one for each mode of a machine. They hold all calls since strace began,
 * its own execve included, and no order: nothing can be said about when they happened.
 */
export function importStraceCount(
  text: string,
  place: Place,
  lose: Lose,
  machine = 'x86_64'
): SyscallCounts {
  const native = nativeAbi(machine)
  const tally = createTally(machine)
  let abi: Abi = native
  let [inTable, rows] = [false, 0]
  for (const { head } of linesOf(text, place.where)) {
    const mode = heading.exec(head)?.[1]
    if (mode !== undefined && native === 'x86_64') {
      abi = mode === '32 bit' ? 'i386' : mode === 'x32' ? 'x32' : native
    }
    if (header.test(head)) inTable = true
    const found = inTable ? row.exec(head) : null
    const [, count, name] = found ?? []
    if (name === undefined) continue
    if (name === 'total') inTable = false
    else {
      rows++
      tally.add(abi, name, Number(count))
    }
  }
  if (rows === 0) {
    throw invalidField(
      place,
      'holds no table of strace -c (`% time … syscall`)',
      'record it with `strace -f -c -o FILE -- COMMAND`'
    )
  }
  lose({
    path: place.path,
    what: 'exit, exit_group and calls that did not return',
    why: 'strace -c counts a call when it returns',
    fix: 'rendering adds the exits; calls that were interrupted by the end are missing'
  })
  return tally.finish(place.path, lose)
}
