import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readAddresses, statePaths } from '../../../cli/lib/state.js'
import { repositoryRoot } from '../../helpers/repository.js'
import { until } from '../../helpers/until.js'
import type { Cost } from './probe.js'

const probe = new URL('./probe.js', import.meta.url).href
const program = join(repositoryRoot, 'bin/secco')
/** A folder for V8's CPU profiles of the hub; undefined: none is made. */
export const cpuProfileDir = process.env['SECCO_BENCH_CPU_PROFILES']

/** HubProgram is `secco webhook` as people run it, in a process of its own that says what it costs. */
export class HubProgram {
  readonly state: string
  readonly #answer: string
  #port = 0
  #child: ChildProcess | undefined
  #ui = { url: '', token: '' }

  constructor(state: string) {
    this.state = state
    this.#answer = join(state, 'cost.json')
  }

  get port(): number {
    return this.#port
  }

  /** Starts it, the second time on the same port. Resolves when it serves. */
  async start(): Promise<void> {
    const free = '127.0.0.1:0'
    const hub = `127.0.0.1:${this.#port}`
    const child = spawn(
      process.execPath,
      [
        ...(cpuProfileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${cpuProfileDir}`]),
        ...['--import', probe, program, 'webhook'],
        ...['--state', this.state, '--listen', free, '--hub-listen', hub, '--ui-listen', free]
      ],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, SECCO_BENCH_PROBE: this.#answer }
      }
    )
    this.#child = child
    const serves = new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('pages http')) resolve()
      })
      child.once('exit', (code) => reject(new Error(`the hub ended with ${String(code)}`)))
    })
    await serves
    const { hub: address, ui, token } = await readAddresses(statePaths({ env: {} }, this.state, 0))
    this.#port = Number(new URL(`tcp://${address}`).port)
    this.#ui = { url: ui, token }
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  /** What it has cost until now, and the longest block since the last call. */
  async cost(): Promise<Cost> {
    await rm(this.#answer, { force: true })
    this.#child?.kill('SIGUSR2')
    const options = { timeoutMs: 120_000, everyMs: 20 }
    return until(
      'the hub to say what it costs',
      async () => JSON.parse(await readFile(this.#answer, 'utf8')) as Cost,
      options
    )
  }

  /** What it has cost until it had nothing left to do: less than a seventh of a core for two seconds. */
  async settled(): Promise<Cost> {
    let blockMs = 0
    for (let before = Number.NaN, quiet = 0; ; ) {
      const now = await this.cost()
      blockMs = Math.max(blockMs, now.blockMs)
      quiet = now.cpuMs - before < 150 ? quiet + 1 : 0
      if (quiet === 2) return { ...now, blockMs }
      before = now.cpuMs
      await delay(1000)
    }
  }

  async call(method: 'GET' | 'POST' | 'PUT', path: string, body?: object): Promise<unknown> {
    const { url, token } = this.#ui
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as unknown
  }
}
