import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '../../helpers/child-program.js'
import { spawnSecco } from '../../helpers/secco-command.js'
import { uiToken } from '../../helpers/state-folder.js'
import { until } from '../../helpers/until.js'
import type { Place } from './read.js'

export type Program = 'satellite' | 'hub'

/** Programs are the hub and the satellite of one state folder, each a process that can be killed and started again. */
export class Programs {
  readonly state: string
  readonly #args: Record<Program, string[]>
  readonly #running = new Map<Program, ChildProcess>()
  /** Programs that ended by themselves. */
  readonly ended: string[] = []
  #log = ''
  /** Where in the log the last start of each is. */
  readonly #started = new Map<Program, number>()

  private constructor(work: string, [listen = 0, hub = 0, ui = 0]: readonly number[]) {
    this.state = join(work, 'state')
    const at = (port: number) => `127.0.0.1:${port}`
    const folders = ['--seccomp-root', join(work, 'seccomp'), '--runc-root', join(work, 'runc')]
    this.#args = {
      hub: ['webhook', '--listen', at(listen), '--hub-listen', at(hub), '--ui-listen', at(ui)],
      satellite: [
        ...['satellite', '--hub', at(hub), '--node', 'n1', ...folders],
        ...['--containerd-socket', join(work, 'none.sock'), '--pin', join(work, 'bpf', 'secco')]
      ]
    }
  }

  static async create(work: string): Promise<Programs> {
    return new Programs(work, await freePorts(3))
  }

  /** Starts a program, and resolves when it serves or is connected. */
  async start(which: Program): Promise<void> {
    this.launch(which)
    await this.ready(which)
  }

  /** Starts a program. */
  launch(which: Program): void {
    this.#started.set(which, this.#log.length)
    const child = spawnSecco([...this.#args[which], '--state', this.state])
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.#log += chunk.toString()))
    child.once('exit', (code, signal) => {
      if (this.#running.get(which) === child)
        this.ended.push(`${which} ended with ${code ?? signal}`)
    })
    this.#running.set(which, child)
  }

  /** Resolves when the program as it was launched last serves or is connected. */
  async ready(which: Program): Promise<void> {
    const from = this.#started.get(which) ?? 0
    const sign = which === 'hub' ? /pages http/ : /"connected to the hub"/
    await until(
      `the ${which} to be ready`,
      () => {
        const log = this.#log.slice(from)
        if (sign.test(log)) return true
        throw new Error(log.slice(-500))
      },
      { timeoutMs: 60_000 }
    )
  }

  async kill(which: Program, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#running.get(which)
    this.#running.delete(which)
    if (child === undefined || child.exitCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }

  log = (): string => this.#log

  /** Returns where this installation is read. The addresses stay the same after a restart. */
  async place(files: Place['files']): Promise<Place> {
    const addresses = JSON.parse(await readFile(join(this.state, 'addresses.json'), 'utf8')) as {
      [name in 'ui' | 'webhook' | 'caBundle']: string
    }
    return {
      ...{ options: ['--state', this.state], env: {}, files },
      ...{ ui: addresses.ui, webhook: addresses.webhook, serverName: 'localhost' },
      ca: Buffer.from(addresses.caBundle, 'base64').toString(),
      headers: { authorization: `Bearer ${await uiToken(this.state)}` }
    }
  }
}
