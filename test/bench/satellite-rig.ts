import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import { SatelliteClient, type TraceUpdate } from '../../src/api/gen/satellite.js'
import { Hub } from '../../cli/hubs/hub.js'
import { uiToken } from '../helpers/state-folder.js'
import type { NodeView } from '../../webhook/views/view.js'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'

const ticksPerSecond = 100

/** Programs that a process has started and that run now (what reads the audit log, what reads filters). */
async function helpersOf(pid: number): Promise<number[]> {
  const exeOf = (each: number) => readlink(`/proc/${each}/exe`).catch(() => '')
  const own = await exeOf(pid)
  const found: number[] = []
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${task}/children`
    const children = (await readFile(path, 'utf8').catch(() => '')).split(' ').filter(Boolean)
    for (const child of children.map(Number)) {
      // Until its execve a child has its parent's memory, which is counted there.
      if (![own, ''].includes(await exeOf(child))) found.push(child)
    }
  }
  return found
}

/** Own time and that of children that have ended, seconds (proc_pid_stat(5), fields 14 to 17). */
async function ownSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  return ticks / ticksPerSecond
}

/** Resident memory of one process, MB (proc_pid_status(5), VmRSS). */
async function ownMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024
}

/** Of the process, and of its helpers as far as they are still there. */
async function withHelpers(pid: number, of: (pid: number) => Promise<number>): Promise<number> {
  const helpers = (await helpersOf(pid)).map((helper) => of(helper).catch(() => 0))
  return (await Promise.all(helpers)).reduce((sum, one) => sum + one, await of(pid))
}

/** User and system time of a process and of the helpers that it starts, seconds. */
export function cpuSeconds(pid: number): Promise<number> {
  return withHelpers(pid, ownSeconds)
}

/** Resident memory of a process and of its helpers, MB. */
export function residentMb(pid: number): Promise<number> {
  return withHelpers(pid, ownMb)
}

/** Looks at the resident memory once a second until `stop`, which gives the most there was, MB. */
export function watchMemory(pid: number): { stop(): Promise<number> } {
  const ended = new AbortController()
  const watching = (async () => {
    for (let most = 0; ; ) {
      most = Math.max(most, await residentMb(pid))
      if (ended.signal.aborted) return most
      await delay(1000, undefined, { signal: ended.signal }).catch(() => undefined)
    }
  })()
  // Of a satellite that died `stop` tells.
  watching.catch(() => undefined)
  return {
    stop: () => {
      ended.abort()
      return watching
    }
  }
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
    (await new Hub([{ ui, token: await uiToken(state) }]).list<NodeView>('/api/v1/nodes')).find(
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
