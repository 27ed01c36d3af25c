import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { join } from 'node:path'
import { repositoryRoot } from './repository.js'

/**
 * Starts the real `secco` command as a user would. The test runner puts its loader into every Node
 * program it sees being spawned; env(1) takes it out again.
 */
export function spawnSecco(
  args: readonly string[],
  extra: Record<string, string> = {},
  within: readonly string[] = []
): ChildProcessWithoutNullStreams {
  const command = [...within, process.execPath, join(repositoryRoot, 'bin/secco'), ...args]
  return spawn('/usr/bin/env', ['-u', 'NODE_OPTIONS', ...command], {
    env: { ...process.env, NO_COLOR: '1', ...extra }
  })
}

export interface Outcome {
  code: number
  stdout: string
  stderr: string
}

/** Runs `secco` to its end. @param options.within a command and its arguments that starts it */
export function runSecco(
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string; within?: readonly string[] } = {}
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawnSecco(args, options.env, options.within)
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
    child.stdin.end(options.input)
  })
}
