import { chmod, mkdir, mkdtemp, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openRecorder } from '../../native/recorder.js'
import type { Recorder } from '../../native/types.js'
import { cgroupFolderOf, cgroupIdOf, cgroupMount } from '../../satellite/containers/processes.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Abi } from '../../src/syscalls/abi.js'
import { syscallName } from '../../src/syscalls/syscall-table.js'
import { run } from '../walk-through/run.js'
import { tinyPrograms } from './tiny-program.js'

interface MeasureOptions {
  /** The OCI runtime's program: a name on PATH or a path. */
  binary: string
  /** Arguments before its verb, for example --cgroup-manager=disabled. */
  flags: readonly string[]
  /** Starts for each setting. */
  runs: number
  machine: Abi
  print: (line: string) => void
  signal: AbortSignal
}

/** One way to start a container; each is measured `runs` times. */
interface Setting {
  noNewPrivileges: boolean
  uid: number
  /** A second process (`exec`) instead of the entry point. */
  exec: boolean
}

interface Measured {
  /** Starts that were recorded, in all settings. */
  starts: number
  /** Syscall → setting (as settingText) → number of starts in which it was recorded. */
  seen: Map<string, Map<string, number>>
}

function settingText({ noNewPrivileges, uid, exec }: Setting): string {
  return `${exec ? 'exec' : 'run'}/${uid === 0 ? 'root' : `uid ${uid}`}/${noNewPrivileges ? 'no-new-privileges' : 'escalation allowed'}`
}

export const settings: readonly Setting[] = [true, false].flatMap((noNewPrivileges) =>
  [0, 1000].flatMap((uid) => [false, true].map((exec) => ({ noNewPrivileges, uid, exec })))
)

/** Time that a runtime may take for one step. */
const stepMs = 15_000

function unavailable(cause: unknown): SeccoError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new SeccoError('TRACING_UNAVAILABLE', `the runtime cannot be measured: ${reason}`, {
    cause
  })
}

async function until<Value>(what: string, poll: () => Promise<Value | undefined>): Promise<Value> {
  const end = performance.now() + stepMs
  for (;;) {
    const value = await poll()
    if (value !== undefined) return value
    if (performance.now() > end) throw new SeccoError('UNAVAILABLE', `${what}: it took too long`)
    await delay(5)
  }
}

/** Returns a config.json with a filter that allows everything: recording starts when a filter is installed. */
function configOf(rootfs: string, program: string, setting: Setting): object {
  const granted = ['CAP_CHOWN', 'CAP_SETGID', 'CAP_SETUID', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: setting.uid, gid: setting.uid },
      args: [program],
      env: ['PATH=/'],
      cwd: '/',
      noNewPrivileges: setting.noNewPrivileges,
      capabilities: { bounding: granted, effective: granted, permitted: granted }
    },
    root: { path: rootfs, readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] }
    ],
    linux: {
      namespaces: ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type })),
      seccomp: { defaultAction: 'SCMP_ACT_ALLOW' }
    }
  }
}

interface Place {
  options: MeasureOptions
  recorder: Recorder
  folder: string
  /** Our own cgroup, for runtimes that create none; undefined where there is no hierarchy. */
  cgroup: string | undefined
}

/** A container's namespace and cgroup. The kernel reuses the numbers of ended namespaces at once. */
interface Identity {
  mntns: number
  cgroupId: bigint | undefined
}

/** Sums the counts of a container since `from`, by syscall number, over all its parts. */
function countsOf(recorder: Recorder, own: Identity, from: bigint): Map<number, number> {
  const sum = new Map<number, number>()
  for (const slot of recorder.slots()) {
    if (slot.mntns !== own.mntns || slot.firstSeen < from) continue
    if (own.cgroupId !== undefined && slot.cgroupId !== own.cgroupId) continue
    recorder.read(slot.index, slot.generation)?.native.forEach((count, nr) => {
      sum.set(nr, (sum.get(nr) ?? 0) + count)
    })
  }
  return sum
}

async function runtime(place: Place, verb: string, args: readonly string[]): Promise<string> {
  const { binary, flags } = place.options
  const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
  const log = join(place.folder, 'log')
  const command = ['--root', join(place.folder, 'state'), '--log', log, ...flags, verb, ...args]
  // The container inherits the streams, so a pipe would stay open as long as the container lives.
  const options = { detachStdio: verb === 'create' }
  const finished =
    place.cgroup === undefined
      ? await run(binary, command, options)
      : await run('sh', ['-c', enter, place.cgroup, binary, ...command], options)
  if (finished.code === 0) return finished.stdout
  const logged = await readFile(log, 'utf8').catch(() => '')
  const reason = (finished.stderr.trim() || logged.trim()).split('\n').at(-1) ?? ''
  throw new SeccoError('UNAVAILABLE', `${binary} ${verb}: ${reason || 'failed'}`, {
    hint: 'check that it starts containers on this machine, e.g. with --flag --cgroup-manager=disabled'
  })
}

/** Starts one container (and one exec in it) and returns the syscalls of the runtime. */
async function measureOne(place: Place, setting: Setting, id: string): Promise<Set<string>> {
  const { recorder, folder, options } = place
  const bundle = join(folder, 'bundle')
  // The entry point lives until everything is read, because the kernel reuses the number of an ended namespace at once.
  const config = configOf(join(folder, 'rootfs'), '/wait', setting)
  await writeFile(join(bundle, 'config.json'), JSON.stringify(config))
  const from = process.hrtime.bigint()
  await runtime(place, 'create', ['--bundle', bundle, id])
  try {
    const { pid } = JSON.parse(await runtime(place, 'state', [id])) as { pid: number }
    const folderOfPid = cgroupFolderOf(pid)
    const own: Identity = {
      mntns: (await stat(`/proc/${pid}/ns/mnt`)).ino,
      cgroupId: folderOfPid === undefined ? undefined : cgroupIdOf(folderOfPid)
    }
    await runtime(place, 'start', [id])
    await until(`${id} starts`, async () =>
      (await readFile(`/proc/${pid}/comm`, 'utf8')).trim() === 'wait' ? true : undefined
    )
    let before = new Map<number, number>()
    if (setting.exec) {
      before = countsOf(recorder, own, from)
      const user = setting.uid === 0 ? [] : ['--user', String(setting.uid)]
      const flags = setting.noNewPrivileges ? ['--no-new-privs'] : []
      await runtime(place, 'exec', [...flags, ...user, id, '/nothing'])
    }
    const names = new Set<string>()
    for (const [nr, count] of countsOf(recorder, own, from)) {
      if (count > (before.get(nr) ?? 0)) names.add(syscallName(options.machine, nr))
    }
    for (const slot of recorder.slots()) {
      const isOurs = slot.mntns === own.mntns || slot.cgroupId === own.cgroupId
      if (isOurs) recorder.release(slot.index, slot.generation)
    }
    return names
  } finally {
    await runtime(place, 'delete', ['--force', id]).catch(() => undefined)
  }
}

async function prepare(
  options: MeasureOptions
): Promise<{ folder: string; own: readonly string[] }> {
  const programs = tinyPrograms(options.machine)
  const folder = await mkdtemp(join(tmpdir(), 'secco-base-'))
  for (const name of ['bundle', 'rootfs', 'rootfs/proc', 'rootfs/dev', 'state']) {
    await mkdir(join(folder, name))
  }
  // A container's user that is not root needs to pass through this folder.
  await chmod(folder, 0o755)
  await writeFile(join(folder, 'rootfs/nothing'), programs.nothing, { mode: 0o755 })
  await writeFile(join(folder, 'rootfs/wait'), programs.wait, { mode: 0o755 })
  return { folder, own: programs.own }
}

/**
 * Measures the syscalls of an OCI runtime between its filter and the first instruction of the container's program, by
 * real starts under our own recorder. The calls of the programs are left out.
 * @throws SeccoError TRACING_UNAVAILABLE, UNAVAILABLE (with the message of the runtime)
 */
export async function measureBase(options: MeasureOptions): Promise<Measured> {
  if (process.getuid?.() !== 0) throw unavailable('only root can start containers and trace them')
  const { folder, own } = await prepare(options)
  const mount = cgroupMount()
  const cgroup = mount === undefined ? undefined : join(mount, `secco-base-${process.pid}`)
  let recorder: Recorder | undefined
  try {
    try {
      recorder = openRecorder({ slots: 4096 })
      recorder.attach()
    } catch (cause) {
      throw unavailable(cause)
    }
    if (cgroup !== undefined) await mkdir(cgroup)
    const place = { options, recorder, folder, cgroup }
    const measured: Measured = { starts: 0, seen: new Map() }
    for (const setting of settings) {
      const text = settingText(setting)
      for (let round = 0; round < options.runs; round++) {
        if (options.signal.aborted) throw new SeccoError('UNAVAILABLE', 'stopped before its end')
        const id = `secco-base-${process.pid}-${measured.starts}`
        const names = await measureOne(place, setting, id)
        if (names.size === 0) {
          const { tableFull } = recorder.counters()
          throw unavailable(
            tableFull > 0
              ? 'more containers start on this machine than the recorder can hold'
              : `${options.binary} loaded no filter that the recorder could see`
          )
        }
        measured.starts += 1
        for (const name of names) {
          if (own.includes(name)) continue
          const counts = measured.seen.get(name) ?? new Map<string, number>()
          measured.seen.set(name, counts.set(text, (counts.get(text) ?? 0) + 1))
        }
      }
      options.print(`${text}: ${options.runs} starts`)
    }
    return measured
  } finally {
    recorder?.stop()
    if (cgroup !== undefined) await rmdir(cgroup).catch(() => undefined)
    await rm(folder, { recursive: true, force: true })
  }
}
