import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './runc-bundle.js'

/** A containerd of its own, outside of Kubernetes; its containers live in its namespace `secco`. */
interface Containerd {
  socket: string
  /** For `secco up --runc-root`, and what `run` gives to `ctr run --runc-root`. */
  runcRoot: string
  ctr: (...args: string[]) => Promise<unknown>
  /** `ctr run --detach` of a command in a root file system; `options` come before its name. */
  run(
    id: string,
    rootfs: string,
    command: readonly string[],
    options?: readonly string[]
  ): Promise<void>
  /** Ends a container and removes it; none is no error. */
  remove(id: string): Promise<void>
  stop(): Promise<void>
}

/** Starts it with root, state and socket below `folder`, which has to be short: sockets have 107 bytes. */
export async function startContainerd(folder: string): Promise<Containerd> {
  await mkdir(folder, { recursive: true })
  const config = join(folder, 'config.toml')
  const socket = join(folder, 'ctd.sock')
  const runcRoot = join(folder, 'runc')
  await writeFile(
    config,
    `version = 2
root = "${join(folder, 'root')}"
state = "${join(folder, 'state')}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${socket}"
[ttrpc]
  address = "${join(folder, 'ttrpc.sock')}"
`
  )
  const daemon = spawn('containerd', ['--config', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  const daemonGone = once(daemon, 'exit')
  let log = ''
  await new Promise<void>((resolve, reject) => {
    daemon.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString()
      if (log.includes('containerd successfully booted')) resolve()
    })
    daemon.once('exit', () => reject(new Error(log)))
  })
  const ctr = (...args: string[]) =>
    run('ctr', ['--address', socket, '--namespace', 'secco', ...args])
  return {
    ...{ socket, runcRoot, ctr },
    async run(id, rootfs, command, options = []) {
      const own = ['--detach', '--null-io', '--runc-root', runcRoot, ...options]
      await ctr('run', ...own, '--rootfs', rootfs, id, ...command)
    },
    async remove(id) {
      await ctr('task', 'rm', '--force', id).catch(() => undefined)
      await ctr('container', 'rm', id).catch(() => undefined)
    },
    async stop() {
      daemon.kill('SIGTERM')
      await daemonGone
    }
  }
}
