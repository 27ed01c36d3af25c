import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials } from '@grpc/grpc-js'
import { SatelliteClient, type TraceUpdate } from '../../src/api/gen/satellite.js'
import { readList } from '../../src/cli/hub-api.js'
import { uiToken } from '../helpers/state-folder.js'
import type { NodeView } from '../../webhook/ui/view.js'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'

const ticksPerSecond = 100

/** utime + stime of a process, seconds (proc_pid_stat(5), fields 14 and 15). */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Resident memory of a process, MB (proc_pid_status(5), VmRSS). */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024
}

export interface RigOptions {
  /** `runc --root` folders that the satellite watches beside none of the usual ones. */
  runcRoots?: readonly string[]
  /** Options of node for the satellite, such as --cpu-prof. */
  nodeOptions?: readonly string[]
}

/** The real programs `secco webhook` and `secco satellite`, connected, on a state folder of their own. */
export interface SatelliteRig {
  pid: number
  /** The satellite as the hub shows it. */
  node(): Promise<NodeView | undefined>
  /** What the satellite itself says of live and lately ended containers. */
  containers(): Promise<TraceUpdate[]>
  /** Ended instances that had left that list when it was asked for last. */
  forgotten(): number
  close(): Promise<void>
}

/** A program of ours as a child; resolves when it has said that it runs. */
async function startProgram(args: readonly string[], nodeOptions: readonly string[] = []) {
  const command = [...nodeOptions, join(repositoryRoot, 'bin/secco'), ...args]
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  while (!said.includes('\n')) {
    const [chunk] = (await once(child.stderr, 'data')) as [Buffer]
    said += chunk.toString()
  }
  child.stderr.resume()
  const stop = async () => {
    child.kill('SIGTERM')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  return { pid: child.pid ?? 0, said, stop }
}

export async function startRig(options: RigOptions = {}): Promise<SatelliteRig> {
  const state = await mkdtemp(join(tmpdir(), 'secco-bench-'))
  const any = '127.0.0.1:0'
  const addresses = ['--listen', any, '--hub-listen', any, '--ui-listen', any]
  const webhook = await startProgram(['webhook', '--state', state, ...addresses])
  const hub = /hub (\S+)/.exec(webhook.said)?.[1] ?? ''
  const ui = /pages (\S+?)\/?\s/.exec(webhook.said)?.[1] ?? ''
  const roots = (options.runcRoots ?? []).flatMap((root) => ['--runc-root', root])
  const own = ['--seccomp-root', join(state, 'seccomp'), '--node', 'bench']
  const satellite = await startProgram(
    // Nothing of an earlier run is taken over, and nothing is left behind.
    ['satellite', '--state', state, '--hub', hub, '--pin', 'off', ...own, ...roots],
    options.nodeOptions
  )
  const stop = async () => {
    await satellite.stop()
    await webhook.stop()
    await rm(state, { recursive: true, force: true })
  }
  const socket = /local socket (\S+)/.exec(satellite.said)?.[1] ?? ''
  const client = new SatelliteClient(`unix:${socket}`, credentials.createInsecure())
  let forgotten = 0
  const node = async () =>
    (await readList<NodeView>({ ui, token: await uiToken(state) }, 'nodes')).find(
      ({ name }) => name === 'bench'
    )
  try {
    const view = await until('the satellite at the hub', node)
    // One that records nothing would measure well.
    if (view.tracingUnavailable !== '') throw new Error(view.tracingUnavailable)
  } catch (error) {
    client.close()
    await stop()
    throw error
  }
  return {
    pid: satellite.pid,
    node,
    containers: () =>
      new Promise((resolve, reject) => {
        client.listContainers({}, (error, answer) => {
          if (error !== null) {
            reject(error)
            return
          }
          forgotten = answer.forgotten
          resolve(answer.containers)
        })
      }),
    forgotten: () => forgotten,
    close: async () => {
      client.close()
      await stop()
    }
  }
}
