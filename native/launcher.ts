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
  /** Install an allow-all seccomp filter first: counting begins exactly there. */
  filter?: boolean
  /** A cgroup v2 folder of its own, made if missing; the caller removes it after the end. */
  cgroup?: string
  stdio?: 'inherit' | 'pipe' | 'ignore'
  /** Where its standard output goes instead: a descriptor of this process. */
  stdout?: number
  cwd?: string
  env?: NodeJS.ProcessEnv
}

/** A command that waits, in its own mount namespace, for `go()`. */
export interface LaunchedCommand {
  process: ChildProcess
  pid: number
  /** Inode number of its mount namespace. */
  mntns: number
  /** Lets the command start. */
  go(): void
  /** Why it could not be executed after all; undefined as soon as its first instruction runs. */
  refused: Promise<string | undefined>
  /**
   * Its end: exit code (125 the launcher failed, 126 cannot execute, 127 not found, 128 + number for a
   * real-time signal) or signal.
   */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/**
 * Prepares `command` (name and arguments) in a mount namespace of its own and holds it before its
 * first instruction.
 * @throws Error with the launcher's message when it cannot be prepared (`exitCode` is its code).
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
  // A failed spawn rejects here and in text() below; the latter is what the caller sees.
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
  const refused = nextLine()
  const gate = child.stdio[4] as Writable
  gate.on('error', () => undefined)
  return {
    process: child,
    pid: Number(pid),
    mntns: Number(mntns),
    go: () => void gate.end('g'),
    refused,
    ended
  }
}

/** A filtered child that makes exactly `calls` marker calls once it goes on; it says MNTNS and the number that it calls. */
export function startMarker(calls: number): Promise<HeldChild> {
  return startHeld(launcherPath(), ['marker', String(calls)])
}
