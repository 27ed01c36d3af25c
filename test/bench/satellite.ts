import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { repositoryRoot } from '../helpers/repository.js'
import type { BenchRow } from './row.js'

const windowMs = 4000
const ticksPerSecond = 100

/** utime + stime of a process, seconds (proc_pid_stat(5), fields 14 and 15). */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Resident memory of a process, MB (proc_pid_status(5), VmRSS). */
async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

/** A program of ours as a child; resolves when it has said that it runs. */
async function startProgram(args: readonly string[]) {
  const child = spawn(process.execPath, [join(repositoryRoot, 'bin/secco'), ...args], {
    stdio: ['ignore', 'ignore', 'pipe']
  })
  let said = ''
  while (!said.includes('\n')) {
    const [chunk] = (await once(child.stderr, 'data')) as [Buffer]
    said += chunk.toString()
  }
  child.stderr.resume()
  const stop = async () => {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
  return { pid: child.pid ?? 0, said, stop }
}

/** `secco satellite` connected to a hub with nothing to do: memory, and share of one core. */
export async function benchSatellite(options: { rounds: number }): Promise<BenchRow[]> {
  const state = await mkdtemp(join(tmpdir(), 'secco-bench-'))
  const webhook = await startProgram([
    'webhook',
    '--state',
    state,
    '--listen',
    '127.0.0.1:0',
    '--hub-listen',
    '127.0.0.1:0',
    '--ui-listen',
    '127.0.0.1:0'
  ])
  const hub = /hub (\S+)/.exec(webhook.said)?.[1] ?? ''
  const satellite = await startProgram([
    'satellite',
    '--state',
    state,
    '--hub',
    hub,
    '--seccomp-root',
    join(state, 'seccomp'),
    '--node',
    'bench'
  ])
  try {
    await delay(windowMs)
    const memory: number[] = []
    const share: number[] = []
    for (let round = 0; round < options.rounds; round += 1) {
      const [before, started] = [await cpuSeconds(satellite.pid), process.hrtime.bigint()]
      await delay(windowMs)
      const elapsed = Number(process.hrtime.bigint() - started) / 1e9
      share.push(((await cpuSeconds(satellite.pid)) - before) / elapsed)
      memory.push(await residentMb(satellite.pid))
    }
    const row = (name: string, unit: string, values: readonly number[]): BenchRow => ({
      case: name,
      unit,
      min: Math.min(...values),
      median: median(values),
      rounds: options.rounds,
      ratio: {}
    })
    return [
      row('idle satellite, memory', 'MB', memory),
      row(
        'idle satellite, share of a core',
        '%',
        share.map((value) => value * 100)
      )
    ]
  } finally {
    await satellite.stop()
    await webhook.stop()
    await rm(state, { recursive: true, force: true })
  }
}
