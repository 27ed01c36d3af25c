import { type ChildProcess, spawn } from 'node:child_process'
import { SeccoError } from '../../src/lib/errors.js'

export interface Finished {
  code: number
  stdout: string
  stderr: string
}

/** Runs a program to its end and returns its output. @throws SeccoError COMMAND_NOT_STARTED */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; detachStdio?: boolean } = {}
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    // A daemonised child keeps inherited pipes open, so its output is not piped.
    const stdio = options.detachStdio === true ? 'ignore' : 'pipe'
    const child: ChildProcess = spawn(command, args, {
      stdio: ['ignore', stdio, stdio],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd })
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk))
    child.once('error', (cause) => {
      reject(
        new SeccoError('COMMAND_NOT_STARTED', `${command}: ${cause.message}`, {
          cause,
          hint: `install ${command}`
        })
      )
    })
    child.once('close', (code) => {
      resolve({
        code: code ?? 1,
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString()
      })
    })
  })
}

/** Runs a program as run() does. @throws SeccoError INTERNAL with its last output when it fails */
export async function mustRun(
  command: string,
  args: readonly string[],
  options: { cwd?: string; detachStdio?: boolean } = {}
): Promise<string> {
  const finished = await run(command, args, options)
  if (finished.code !== 0) {
    const output = (finished.stderr || finished.stdout).trim().split('\n').slice(-3).join(' | ')
    throw new SeccoError(
      'INTERNAL',
      `${command} ${args.join(' ')} failed (${finished.code}): ${output}`,
      {
        hint: 'run the command by hand to see more'
      }
    )
  }
  return finished.stdout
}
