import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { GivenUp } from './until.js'

/** Below the ports that a kernel gives to who asks for any (net.ipv4.ip_local_port_range). */
const [lowestPort, ports] = [16_000, 16_000]

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/**
 * A free port of loopback for a program that is started again and again on it: whoever asks the kernel for any port
 * does not get it meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowestPort + Math.floor(Math.random() * ports)
    if (await isFree(port)) return port
  }
}

/** Different ports as freePort() returns them. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) found.add(await freePort())
  return [...found]
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
