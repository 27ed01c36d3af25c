import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { spawnSecco } from '../../helpers/secco-command.js'
import { uiToken } from '../../helpers/state-folder.js'
import { until } from '../../helpers/until.js'
import type { Place } from './read.js'

export type Program = 'satellite' | 'hub'

/** Returns ports that were free a moment ago: both programs must find each other again after each start. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  return Promise.all(
    servers.map(async (server) => {
      await once(server, 'listening')
      const address = server.address()
      server.close()
      await once(server, 'close')
      return typeof address === 'object' && address !== null ? address.port : 0
    })
  )
}

/** Programs are the hub and the satellite of one state folder, each a process that can be killed and started again. */
export class Programs {
  readonly state: string
  readonly #args: Record<Program, string[]>
  readonly #running = new Map<Program, ChildProcess>()
  /** Programs that ended by themselves. */
  readonly ended: string[] = []
  #log = ''
  #started = 0

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
    this.#started = this.#log.length
    const child = spawnSecco([...this.#args[which], '--state', this.state])
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.#log += chunk.toString()))
    child.once('exit', (code, signal) => {
      if (this.#running.get(which) === child)
        this.ended.push(`${which} ended with ${code ?? signal}`)
    })
    this.#running.set(which, child)
    const from = this.#started
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

  async kill(which: Program): Promise<void> {
    const child = this.#running.get(which)
    this.#running.delete(which)
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  log = (): string => this.#log

  /** Returns where this installation is read. The addresses stay the same after a restart. */
  async place(files: Place['files']): Promise<Place> {
    const addresses = JSON.parse(await readFile(join(this.state, 'addresses.json'), 'utf8')) as {
      [name in 'ui' | 'webhook' | 'caBundle']: string
    }
    return {
      ...{ state: this.state, ui: addresses.ui, webhook: addresses.webhook, files },
      ca: Buffer.from(addresses.caBundle, 'base64').toString(),
      headers: { authorization: `Bearer ${await uiToken(this.state)}` }
    }
  }
}
