import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** One system call on files, as strace saw it. Its order is that of the lines: where it began, and where it had returned. */
export interface FileCall {
  name: string
  /** Paths of its descriptors and of its path arguments, in the order of its arguments. */
  paths: string[]
  /** The arguments as strace prints them. */
  text: string
  begin: number
  end: number
}

const traced = [
  ...['openat', 'write', 'pwrite64', 'writev', 'fsync', 'fdatasync', 'ftruncate'],
  ...['rename', 'renameat', 'renameat2', 'link', 'linkat', 'unlink', 'unlinkat'],
  ...['mkdir', 'mkdirat']
]

/** `"x"` is a path relative to the descriptor before it; `3</a>` is a descriptor of `/a`. */
function pathsOf(text: string): string[] {
  const paths: string[] = []
  let folder = ''
  for (const [, named, described] of text.matchAll(
    /"((?:[^"\\]|\\.)*)"|(?:\d+|AT_FDCWD)<([^>]*)>/g
  )) {
    if (described !== undefined) folder = described
    if (named !== undefined) paths.push(named.startsWith('/') ? named : join(folder || '/', named))
    else if (described !== undefined) paths.push(described)
  }
  return paths
}

/** Returns the calls that succeeded. */
export function parseFileCalls(log: string): FileCall[] {
  const calls: FileCall[] = []
  const waiting = new Map<string, FileCall>()
  for (const [at, line] of log.split('\n').entries()) {
    const [, pid = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest)
    if (resumed !== null) {
      const call = waiting.get(pid)
      waiting.delete(pid)
      if (call !== undefined && !/= -\d/.test(resumed[2] ?? '')) calls.push({ ...call, end: at })
      continue
    }
    const [, name = '', text = ''] = /^(\w+)\((.*)$/.exec(rest) ?? []
    if (name === '') continue
    const call = { name, text, paths: pathsOf(text), begin: at, end: at }
    if (text.includes('<unfinished ...>')) waiting.set(pid, call)
    else if (!/= -\d/.test(text)) calls.push(call)
  }
  return calls.sort((a, b) => a.begin - b.begin)
}

/** Runs a program under strace and returns its calls on files. */
export async function fileCallsOf(command: readonly string[]): Promise<FileCall[]> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-strace-'))
  try {
    const log = join(folder, 'log')
    const options = ['-f', '-qq', '-y', '-s', '256', '-e', `trace=${traced.join()}`, '-o', log]
    const env = { ...process.env, UV_USE_IO_URING: '0' }
    const stdio: ('ignore' | 'pipe')[] = ['ignore', 'ignore', 'pipe']
    const child = spawn('strace', [...options, '--', ...command], { stdio, env })
    let words = ''
    child.stderr?.on('data', (chunk: Buffer) => (words += chunk.toString()))
    const [code] = (await once(child, 'exit')) as [number | null]
    if (code !== 0) throw new Error(`${command.join(' ')} ended with ${String(code)}: ${words}`)
    return parseFileCalls(await readFile(log, 'utf8'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What a program writes to its stdout before and after a step. */
export const mark = (step: string, what: 'begin' | 'ack') => `${what} ${step}\n`

/** Returns the calls of one step, and where it was acknowledged. */
export function stepOf(calls: readonly FileCall[], step: string) {
  const at = (what: 'begin' | 'ack') =>
    calls.find(({ name, text }) => name === 'write' && text.includes(`"${what} ${step}\\n"`))?.begin
  const [begin, ack] = [at('begin'), at('ack')]
  if (begin === undefined || ack === undefined) throw new Error(`${step}: not begun or not acked`)
  return { calls: calls.filter((call) => call.begin > begin), ack }
}

type Step = ReturnType<typeof stepOf>

const isSync = ({ name }: FileCall) => name === 'fsync' || name === 'fdatasync'
const isWrite = ({ name }: FileCall) => /^(write|pwrite64|writev)$/.test(name)

/** Returns the first fsync of a path that begins after `after`, if it had returned before `before`. */
function syncBetween({ calls }: Step, path: string, after: number, before: number): boolean {
  return calls.some(
    (call) => isSync(call) && call.paths[0] === path && call.begin > after && call.end < before
  )
}

/** Returns the call by which a file got its name. */
function placedAt({ calls }: Step, path: string): FileCall | undefined {
  return calls.find(({ name, paths }) => /^(rename|link)/.test(name) && paths.at(-1) === path)
}

/** Returns what is wrong with the order of two files of one folder: the first name is durable before the second is given. */
export function orderProblem(step: Step, first: string, second: string): string | undefined {
  const [earlier, later] = [placedAt(step, first), placedAt(step, second)]
  if (earlier === undefined || later === undefined) return 'one of them got no name'
  if (!syncBetween(step, dirname(first), earlier.end, later.begin))
    return 'there is no fsync of the folder between the two names'
  return undefined
}

/**
 * Returns what is wrong with the way in which a file got its content; undefined when nothing is: written under a
 * temporary name, fsync, rename (or link), fsync of the folder, and only then acknowledged.
 */
export function writeProblem(step: Step, path: string): string | undefined {
  const { calls, ack } = step
  const opened = calls.find(
    ({ name, paths, text, begin }) =>
      begin < ack &&
      name === 'openat' &&
      paths.at(-1) === path &&
      /O_(WRONLY|RDWR|TRUNC)/.test(text)
  )
  if (opened !== undefined) return 'it was opened for writing'
  const placed = placedAt(step, path)
  if (placed === undefined) return 'nothing was renamed or linked to it'
  const temporary = placed.paths.findLast(
    (one, nth) => nth < placed.paths.length - 1 && one !== dirname(path)
  )
  if (temporary === undefined || dirname(temporary) !== dirname(path))
    return `${temporary ?? 'nothing'} is no file of its folder`
  const written = calls.findLast((call) => isWrite(call) && call.paths[0] === temporary)
  if (written === undefined) return 'nothing was written'
  if (!syncBetween(step, temporary, written.end, placed.begin))
    return 'there is no fsync between its last write and its name'
  if (!syncBetween(step, dirname(path), placed.end, ack))
    return 'there is no fsync of its folder between its name and the acknowledgement'
  return undefined
}

/** Returns what is wrong with the way in which a file has grown: opened to append, written, fsync, and then acknowledged. */
export function appendProblem(step: Step, path: string): string | undefined {
  const { calls, ack } = step
  const own = calls.filter(({ paths, begin }) => paths[0] === path && begin < ack)
  const opened = calls.find(
    ({ name, paths, begin }) => begin < ack && name === 'openat' && paths.at(-1) === path
  )
  if (opened?.text.includes('O_APPEND') !== true) return 'it was not opened to append'
  const written = own.findLast(isWrite)
  if (written === undefined) return 'nothing was written'
  return syncBetween(step, path, written.end, ack)
    ? undefined
    : 'there is no fsync between its last write and the acknowledgement'
}

/** Returns what is wrong with the way in which a name changed: the call, then fsync of the folder, then acknowledged. */
export function nameProblem(step: Step, path: string, form: RegExp): string | undefined {
  const changed = step.calls.find(({ name, paths }) => form.test(name) && paths.at(-1) === path)
  if (changed === undefined) return `no call like ${String(form)}`
  if (!syncBetween(step, dirname(path), changed.end, step.ack))
    return 'there is no fsync of its folder between the call and the acknowledgement'
  return undefined
}
