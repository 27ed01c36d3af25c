import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { GivenUp } from './until.js'

/** A free port of loopback. Somebody else may take it before it is used: the start is tried again then. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port)
        else reject(new Error('no port'))
      })
    })
  })
}

/** A program that was started, and the end of what it said. */
export interface Running {
  child: ChildProcess
  name: string
  tail(): string
  exited: Promise<void>
}

/**
 * Starts a program that dies with this process (PR_SET_PDEATHSIG through setpriv(1), where it is there).
 * @param detached in a session of its own: Ctrl-C on a terminal does not reach the program.
 */
export function start(
  name: string,
  program: string,
  args: readonly string[],
  { env, detached = false }: { env?: NodeJS.ProcessEnv; detached?: boolean } = {}
): Running {
  const setpriv = '/usr/bin/setpriv'
  const [command, all] = existsSync(setpriv)
    ? [setpriv, ['--pdeathsig', 'KILL', '--', program, ...args]]
    : [program, args]
  const child = spawn(command, all, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached,
    ...(env === undefined ? {} : { env })
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream
      .setEncoding('utf8')
      .on('data', (chunk: string) => (output = (output + chunk).slice(-8000)))
  }
  const exited = new Promise<void>((done) => {
    child.on('close', () => done())
    child.on('error', (error) => {
      output += error.message
      done()
    })
  })
  return { child, name, tail: () => output, exited }
}

/** @throws GivenUp with its last words when it has ended. */
export function assertAlive(running: Running): void {
  if (running.child.exitCode !== null || running.child.signalCode !== null) {
    throw new GivenUp(`${running.name} ended: ${running.tail().slice(-1500)}`)
  }
}

/** SIGTERM, and SIGKILL ten seconds later. */
export async function end(running: Running): Promise<void> {
  if (running.child.exitCode !== null || running.child.signalCode !== null) return
  running.child.kill('SIGTERM')
  const killer = setTimeout(() => running.child.kill('SIGKILL'), 10_000)
  await running.exited
  clearTimeout(killer)
}
