import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { nativeBuild } from './paths.js'

/** Seccomp filters of processes as the kernel has them. */
interface KernelFilters {
  /** The filters of each process id, newest first; undefined for one that could not be read. */
  byPid: Map<number, (Buffer | undefined)[]>
  /** How they were read; `none`: not at all, for `reason`. */
  how: 'iterator' | 'ptrace' | 'none'
  reason: string
}

const patienceMs = 20_000

/** Parses the lines of native/programs/inspector.c; equal filters are one Buffer. */
function parseFilters(output: string): Map<number, (Buffer | undefined)[]> {
  const filters: Buffer[] = []
  const byPid = new Map<number, (Buffer | undefined)[]>()
  for (const line of output.split('\n')) {
    const words = line.split(' ')
    if (words[0] === 'filter') filters[Number(words[1])] = Buffer.from(words[2] ?? '', 'hex')
    else if (words[0] === 'pid') {
      byPid.set(
        Number(words[1]),
        words.slice(2).map((word) => filters[Number(word)])
      )
    }
  }
  return byPid
}

async function ask(
  args: readonly string[],
  pids: readonly number[]
): Promise<{ output: string; reason: string | undefined }> {
  try {
    const child = spawn(nativeBuild('secco-inspector'), args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: patienceMs,
      killSignal: 'SIGKILL'
    })
    const closed = once(child, 'close')
    // Without a descriptor left there are no pipes either: then the code below throws before it awaits this.
    closed.catch(() => undefined)
    child.stdin.on('error', () => undefined)
    child.stdin.end(`${pids.join('\n')}\n`)
    const [output] = await Promise.all([text(child.stdout), closed])
    if (child.exitCode === 0) return { output, reason: undefined }
    const reason = /^reason (.*)$/m.exec(output)?.[1]
    return { output, reason: reason ?? `the helper ended with ${child.exitCode ?? 'a signal'}` }
  } catch (error) {
    return { output: '', reason: error instanceof Error ? error.message : String(error) }
  }
}

/**
 * Reads the filters of processes by a task iterator, which stops no process. If the kernel does not allow that and
 * `mayStop` is set, it reads them by ptrace, which stops each process for some microseconds. Processes without a filter
 * are left out. Never rejects.
 */
export async function readKernelFilters(
  pids: readonly number[],
  { mayStop = false, iterator = true }: { mayStop?: boolean; iterator?: boolean } = {}
): Promise<KernelFilters> {
  if (pids.length === 0) return { byPid: new Map(), how: 'iterator', reason: '' }
  let reason = 'reading by iterator is switched off'
  if (iterator) {
    const first = await ask([nativeBuild('filters.bpf.o')], pids)
    if (first.reason === undefined) {
      return { byPid: parseFilters(first.output), how: 'iterator', reason: '' }
    }
    reason = first.reason
  }
  if (!mayStop) return { byPid: new Map(), how: 'none', reason }
  const second = await ask([], pids)
  if (second.reason !== undefined) return { byPid: new Map(), how: 'none', reason: second.reason }
  return { byPid: parseFilters(second.output), how: 'ptrace', reason: '' }
}
