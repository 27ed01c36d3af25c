import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { type HeldChild, startHeld } from './held-child.js'
import { nativeBuild } from './paths.js'

export function launcherPath(): string {
  return nativeBuild('secco-launcher')
}

export interface LaunchOptions {
  /** Installs a seccomp filter that allows everything first: counting begins there. */
  filter?: boolean
  /** A folder of cgroup v2 for the command, made if missing; the caller removes it after the end. */
  cgroup?: string
  stdio?: 'inherit' | 'pipe' | 'ignore'
  /** A descriptor of this process for its standard output, in place of `stdio`. */
  stdout?: number
  cwd?: string
  env?: NodeJS.ProcessEnv
}

/** A command that waits for `go()` in a mount namespace of its own. */
export interface LaunchedCommand {
  process: ChildProcess
  pid: number
  /** Inode number of its mount namespace. */
  mntns: number
  /** Starts the command. */
  go(): void
  /** Resolves with the reason if it could not be executed; with undefined as soon as its first instruction runs. */
  rejected: Promise<string | undefined>
  /**
   * Resolves at its end with the exit code (125: the launcher failed, 126: cannot execute, 127: not found,
   * 128 + number: a real-time signal) or the signal.
   */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/**
 * Prepares `command` (name and arguments) in a mount namespace of its own and holds it before its first instruction.
 * @throws Error with the launcher's message if it cannot be prepared (`exitCode` is the launcher's).
 */
export async function launchCommand(
  command: readonly string[],
  options: LaunchOptions = {}
): Promise<LaunchedCommand> {
  const stdio = options.stdio ?? 'inherit'
  const child = spawn(
    launcherPath(),
    [
      'run',
      '--wait',
      ...(options.filter === true ? ['--filter'] : []),
      ...(options.cgroup === undefined ? [] : ['--cgroup', options.cgroup]),
      '--',
      ...command
    ],
    {
      stdio: [stdio, options.stdout ?? stdio, stdio, 'pipe', 'pipe'],
      cwd: options.cwd,
      env: options.env
    }
  )
  const ended = once(child, 'exit').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null
  }))
  // A failed spawn rejects here and in once() below; the caller sees the latter.
  ended.catch(() => undefined)
  await once(child, 'spawn')
  const lines = createInterface({ input: child.stdio[3] as Readable })[Symbol.asyncIterator]()
  const nextLine = async (): Promise<string | undefined> => {
    const next = (await lines.next()) as IteratorResult<string, undefined>
    return next.value
  }
  const first = await nextLine()
  const [, pid, mntns] = /^ready (\d+) (\d+)$/.exec(first ?? '') ?? []
  if (pid === undefined || mntns === undefined) {
    const { code } = await ended
    throw Object.assign(new Error(first ?? `the command was not started: ${command[0] ?? ''}`), {
      exitCode: code
    })
  }
  const rejected = nextLine()
  const gate = child.stdio[4] as Writable
  gate.on('error', () => undefined)
  return {
    process: child,
    pid: Number(pid),
    mntns: Number(mntns),
    go: () => void gate.end('g'),
    rejected,
    ended
  }
}

/**
 * Starts a filtered child that makes exactly `calls` marker calls after `go()`. Its numbers are its mount namespace and
 * the number of the call.
 */
export function startMarker(calls: number): Promise<HeldChild> {
  return startHeld(launcherPath(), ['marker', String(calls)])
}
