import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { bundleConfig } from '../../cli/walk-through/bundle.js'
import { mustRun } from '../../cli/walk-through/run.js'
import { syscallNumber } from '../../src/syscalls/syscall-table.js'
import { until } from '../helpers/until.js'
import { type CallCounts, readStraceLog, straceArguments } from './strace-log.js'
import type { Place, Workload } from './workloads/workload.js'

export interface TracedRunOptions {
  workload: Workload
  place: Place
  /** A new folder for bundle and logs. */
  folder: string
  root: string
  rootfs: string
  id: string
  seccomp: LinuxSeccomp
  noNewPrivileges: boolean
}

async function writeBundle(options: TracedRunOptions): Promise<void> {
  const { workload, place, folder } = options
  const config = bundleConfig({
    rootfs: options.rootfs,
    args: workload.args(place),
    files: workload.files ?? [],
    writable: ['/tmp', '/run', '/var/log', '/var/lib/nginx'],
    seccomp: options.seccomp,
    profile: 'default/completeness',
    noNewPrivileges: options.noNewPrivileges
  })
  const inside = config['process'] as { env: string[]; user: { uid: number; gid: number } }
  inside.env.push('HOME=/tmp', 'LC_ALL=C', ...(workload.env ?? []))
  if (workload.uid !== undefined) inside.user = { uid: workload.uid, gid: workload.uid }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
}

/** Runs a program under strace; gives its exit code and what it printed so far. */
function underStrace(log: string, command: readonly string[]) {
  const child = spawn('strace', [...straceArguments, '-o', log, ...command], {
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()))
  const ended = once(child, 'close').then(([code]) => (code as number | null) ?? 1)
  return { child, said, ended }
}

/** Is a task of this process inside of the call now (proc(5), /proc/PID/syscall)? */
async function isBlockedIn(pid: number, nr: number): Promise<boolean> {
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const text = await readFile(`/proc/${pid}/task/${task}/syscall`, 'utf8').catch(() => '')
    if (text.startsWith(`${nr} `)) return true
  }
  return false
}

/**
 * Runs a workload's container to its end with strace around runc, and around each `runc exec`, and gives
 * what strace saw the container's filter being asked. @throws Error when the workload did not do its work.
 */
export async function runTraced(options: TracedRunOptions): Promise<CallCounts> {
  const { workload, folder, id } = options
  await writeBundle(options)
  const runc = ['runc', '--root', options.root]
  const logs = [join(folder, 'strace.log')]
  const main = underStrace(logs[0] ?? '', [...runc, 'run', '--bundle', folder, id])
  const exec = async (args: readonly string[]): Promise<string> => {
    const log = join(folder, `strace-${logs.length}.log`)
    logs.push(log)
    const run = underStrace(log, [...runc, 'exec', id, ...args])
    const code = await run.ended
    if (code !== 0) throw new Error(`${id}: ${args.join(' ')} ended with ${code}: ${run.said.err}`)
    return run.said.out
  }
  const state = join(options.root, id, 'state.json')
  const initPid = async (): Promise<number> =>
    (JSON.parse(await readFile(state, 'utf8')) as { init_process_pid: number }).init_process_pid
  // The container may be gone before `runc kill` is.
  let mayEnd = false
  const failed = main.ended.then((code) => {
    if (mayEnd) return new Promise<never>(() => undefined)
    throw new Error(`${id} ended with ${code} before its time: ${main.said.err.slice(-2000)}`)
  })
  failed.catch(() => undefined)
  await Promise.race([
    failed,
    workload.drive?.({
      ...options.place,
      exec,
      signal: async (name) => {
        mayEnd ||= name !== 'HUP'
        await mustRun('runc', ['--root', options.root, 'kill', id, name])
      },
      blocked: async (call) => {
        const nr = syscallNumber('x86_64', call) ?? -1
        await until(`${id} to block in ${call}`, async () =>
          (await isBlockedIn(await initPid(), nr)) ? true : undefined
        )
      },
      prints: async (words) => {
        await until(`${id} to print ${words}`, () =>
          main.said.out.includes(words) ? true : undefined
        )
      }
    }) ?? main.ended
  ])
  const code = await main.ended
  if (code !== (workload.exits ?? 0)) {
    throw new Error(`${workload.name} ended with ${code}: ${main.said.err.slice(-2000)}`)
  }
  if (workload.output !== undefined && !workload.output.test(main.said.out)) {
    throw new Error(`${workload.name} printed ${JSON.stringify(main.said.out.slice(-2000))}`)
  }
  const counts: CallCounts = new Map()
  for (const log of logs) {
    const seen = readStraceLog(await readFile(log, 'utf8'))
    for (const [key, count] of seen) counts.set(key, (counts.get(key) ?? 0) + count)
  }
  return counts
}
