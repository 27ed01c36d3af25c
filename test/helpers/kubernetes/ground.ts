import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Running, start } from '../child-program.js'
import { repositoryRoot } from '../repository.js'
import { testRun } from '../test-run.js'

const run = promisify(execFile)
const cgroups = '/sys/fs/cgroup'
const unified = existsSync(join(cgroups, 'unified')) ? join(cgroups, 'unified') : cgroups

/**
 * What a cluster stands on, beside others on the same machine: a number of its own, with it a folder,
 * a tree of cgroups, a bridge and addresses, and a guardian that removes all of it in the end.
 */
export interface Ground {
  /** 1 to 99; makes every name and address unique. */
  number: number
  folder: string
  /** Name of its cgroup in every hierarchy. */
  cgroup: string
  bridge: string
  /** The API server: first address of the services, as Kubernetes wants it, and the bridge's own. */
  serverAddress: string
  serviceCidr: string
  /** All of it, services and pods. */
  cidr: string
  /** Address of the n-th node (from 1), and the range of its pods. */
  nodeAddress(node: number): string
  podRange(node: number): { from: string; to: string }
  addAddress(address: string): Promise<void>
  removeAddress(address: string): Promise<void>
  /** Makes a cgroup below its own in every hierarchy; gives its path as runtimes spell it. */
  makeCgroup(name: string): Promise<string>
  /** Starts a program in that cgroup (and mount namespace), out of reach of Ctrl-C; it dies with this process. */
  start(name: string, command: readonly string[], place: Place): Running
  /** Kills every process that runs now: whoever waits for one of them gives up. */
  kill(): Promise<void>
  /** Ends every process, removes cgroups, bridge and folder. */
  remove(): Promise<void>
}

interface Place {
  /** Name below the ground's cgroup. */
  cgroup: string
  /** A process whose mount namespace is to be used. */
  mountsOf?: number
}

/** Folders of every hierarchy, the unified one among them. */
async function hierarchies(): Promise<string[]> {
  if (unified === cgroups) return [cgroups]
  const names = await readdir(cgroups)
  return names.map((name) => join(cgroups, name))
}

/** Claims the first free number: making a folder is atomic, also between processes. */
async function claim(): Promise<number> {
  for (let number = 1; number < 100; number++) {
    try {
      const folder = join(unified, `secco-cluster-${number}`)
      await mkdir(folder)
      // Whose it is, for the next run of the tests (bin/leftovers.mjs).
      const run = testRun()
      if (run !== undefined) await mkdir(join(folder, run))
      return number
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  throw new Error('a hundred clusters run here already')
}

/** A cpuset without CPUs takes no process (cgroup v1): children inherit their parent's. */
async function inherit(folder: string): Promise<void> {
  const from = async (name: string): Promise<void> => {
    await run('sh', ['-c', `cat "$1/../${name}" > "$1/${name}"`, 'sh', folder])
  }
  if (!existsSync(join(folder, 'cpuset.cpus')) || unified === cgroups) return
  await from('cpuset.cpus')
  await from('cpuset.mems')
}

/** Programs see this and nothing of the caller's: no proxies, no certificates, no configuration. */
const environment = (folder: string): NodeJS.ProcessEnv => ({
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: folder,
  TMPDIR: join(folder, 'tmp'),
  // A cluster lives for one file: a core is dearer than the memory.
  GOGC: '200'
})

/** Takes a number and everything that goes with it. Needs root. */
export async function breakGround(): Promise<Ground> {
  const number = await claim()
  const folder = await mkdtemp(join(tmpdir(), `secco-cluster-${number}-`))
  const [cgroup, bridge] = [`secco-cluster-${number}`, `secco${number}`]
  const guardian: ChildProcess = spawn(
    'sh',
    [join(repositoryRoot, 'test/helpers/kubernetes/clean-up.sh'), folder, cgroup, bridge],
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true }
  )
  guardian.unref()
  const ended = once(guardian, 'exit')
  async function remove(): Promise<void> {
    guardian.ref()
    guardian.stdin?.end()
    await ended
  }
  async function makeCgroup(name: string): Promise<string> {
    for (const hierarchy of await hierarchies()) {
      let path = join(hierarchy, cgroup)
      for (const part of ['', ...name.split('/')]) {
        path = join(path, part)
        await mkdir(path, { recursive: true })
        await inherit(path)
      }
    }
    return `/${cgroup}/${name}`
  }
  const net = `10.${130 + number}`
  const ground: Ground = {
    number,
    folder,
    cgroup,
    bridge,
    serverAddress: `${net}.0.1`,
    serviceCidr: `${net}.0.0/24`,
    cidr: `${net}.0.0/16`,
    nodeAddress: (node) => `${net}.255.${node}`,
    podRange: (node) => ({ from: `${net}.${node}.10`, to: `${net}.${node}.250` }),
    addAddress: async (address) => {
      await run('ip', ['address', 'replace', `${address}/32`, 'dev', bridge])
    },
    removeAddress: async (address) => {
      await run('ip', ['address', 'delete', `${address}/32`, 'dev', bridge])
    },
    makeCgroup,
    start: (name, command, place) => {
      const enter =
        place.mountsOf === undefined ? [] : ['nsenter', `--mount=/proc/${place.mountsOf}/ns/mnt`]
      const procs = join(unified, cgroup, place.cgroup, 'cgroup.procs')
      const script = 'echo $$ >"$1" && shift && exec "$@"'
      const args = ['-c', script, 'sh', procs, ...enter, ...command]
      return start(name, '/bin/sh', args, { env: environment(folder), detached: true })
    },
    kill: () => writeFile(join(unified, cgroup, 'cgroup.kill'), '1').catch(() => undefined),
    remove
  }
  try {
    await mkdir(join(folder, 'tmp'))
    await makeCgroup('servers')
    // Without an address of its own it takes the lowest of its ports', another one with each pod that comes or
    // goes, and the others go on sending to the old one until they ask again: nearly a minute of silence.
    const address = `02:5e:cc:00:00:${number.toString(16).padStart(2, '0')}`
    await run('ip', ['link', 'add', bridge, 'address', address, 'type', 'bridge'])
    await run('ip', ['address', 'add', `${ground.serverAddress}/16`, 'dev', bridge])
    await run('ip', ['link', 'set', bridge, 'up'])
    return ground
  } catch (error) {
    await remove()
    throw error
  }
}
