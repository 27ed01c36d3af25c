import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleConfig } from '../../cli/walk-through/bundle.js'
import { mustRun } from '../../cli/walk-through/run.js'
import { syscallNumber } from '../../src/syscalls/syscall-table.js'
import { repositoryRoot } from '../helpers/repository.js'
import { allowAll } from './container-fleet.js'

/** Calls that hardly any program makes: whatever a workload is seen with that it did not make is foreign. */
const marks =
  `io_destroy io_cancel timer_gettime timer_getoverrun timer_delete semctl semop shmdt shmctl
msgctl msgrcv mq_notify ioprio_get sync_file_range tee vmsplice sched_rr_get_interval inotify_rm_watch
signalfd4 flistxattr llistxattr readahead getitimer sched_getparam times setpriority mq_getsetattr
timerfd_gettime epoll_create lsetxattr fremovexattr request_key`.split(/\s+/)
const compatMarks = ['getpriority', 'sched_getparam', 'mq_notify', 'io_cancel', 'flistxattr']

export interface Neighbours {
  /** Keys as in strace-log.ts that every neighbour makes all the time. */
  marks: ReadonlySet<string>
  ids: { staying: string; unfiltered: string }
  /** Lives of the one that restarts all the time, so far. */
  lives(): number
  close(): Promise<void>
}

function numbers(abi: 'x86_64' | 'i386', names: readonly string[]): string[] {
  return names.map((name) => {
    const nr = syscallNumber(abi, name)
    if (nr === undefined) throw new Error(`${abi} has no ${name}`)
    return String(nr)
  })
}

/**
 * Busy containers beside the workloads: one under a filter, one without any, and one that ends and
 * restarts without a pause, so that mount namespace numbers are reused while a workload runs.
 */
export async function startNeighbours(
  folder: string,
  root: string,
  id: string
): Promise<Neighbours> {
  const rootfs = join(folder, 'rootfs')
  for (const name of ['proc', 'dev']) await mkdir(join(rootfs, name), { recursive: true })
  const source = join(repositoryRoot, 'test/bench/noise.c')
  await mustRun('gcc', ['-O1', '-static', '-o', join(rootfs, 'noise'), source])
  const bundle = async (name: string, rounds: number, filtered: boolean): Promise<string> => {
    const path = join(folder, name)
    await mkdir(path, { recursive: true })
    const calls = [...numbers('i386', compatMarks), '-', ...numbers('x86_64', marks)]
    const config = bundleConfig({
      rootfs,
      args: ['/noise', String(rounds), ...calls],
      files: [],
      writable: [],
      seccomp: filtered ? allowAll : undefined,
      profile: 'default/neighbour',
      noNewPrivileges: true
    })
    await writeFile(join(path, 'config.json'), JSON.stringify(config))
    return path
  }
  const ids = { staying: `${id}-staying`, unfiltered: `${id}-unfiltered` }
  const runc = ['--root', root]
  const detached = async (name: string, path: string): Promise<void> => {
    const child = spawn('runc', [...runc, 'run', '-d', '--bundle', path, name], { stdio: 'ignore' })
    await once(child, 'exit')
  }
  await detached(ids.staying, await bundle('staying', 0, true))
  await detached(ids.unfiltered, await bundle('unfiltered', 0, false))
  const brief = await bundle('brief', 20, true)
  const state = { stopped: false, lives: 0 }
  const isStopped = (): boolean => state.stopped
  const churn = (async () => {
    while (!isStopped()) {
      const args = [...runc, 'run', '--bundle', brief, `${id}-brief-${state.lives}`]
      await once(spawn('runc', args, { stdio: 'ignore' }), 'exit')
      state.lives += 1
    }
  })()
  return {
    marks: new Set([
      ...marks.map((name) => `x86_64:${name}`),
      ...compatMarks.map((name) => `i386:${name}`)
    ]),
    ids,
    lives: () => state.lives,
    close: async () => {
      state.stopped = true
      await churn
      for (const name of Object.values(ids)) await mustRun('runc', [...runc, 'delete', '-f', name])
    }
  }
}
