import { existsSync } from 'node:fs'
import { access, constants, readdir, readFile } from 'node:fs/promises'
import { machine, release } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { probeCapabilities } from '../../native/capabilities.js'
import type { Capability } from '../../native/capability-table.js'
import { hasKernelBtf } from '../../native/kernel-btf.js'
import { reasonOf } from '../../native/failure-reason.js'
import { openRecorder } from '../../native/recorder.js'
import { recorderMemory } from '../../native/recorder-memory.js'
import { trialLoad } from '../../native/trial-load.js'
import type { SelfTest } from '../../native/types.js'
import { type CgroupMode, cgroupMode } from '../../satellite/lib/cgroup-mode.js'
import { containerdRuntime } from '../../satellite/containers/containerd.js'
import { dockerRuntime } from '../../satellite/containers/docker.js'
import { podmanRuntime } from '../../satellite/containers/podman.js'
import { openRegistry } from '../../satellite/containers/registry.js'
import { crunVersion } from '../../satellite/containers/crun.js'
import { runcRuntime } from '../../satellite/containers/runc.js'
import { readRuncVersion } from '../../satellite/containers/runc-version.js'
import type { Logger } from '../../src/lib/log.js'
import { abisOfMachine } from '../../src/syscalls/abi.js'

/** A value, or one sentence about why there is none. */
type Tried<Value> = { value: Value } | { reason: string }

/** Properties of this node, found by trying. */
export interface NodeFacts {
  root: boolean
  kernel: string
  arch: string
  abis: readonly string[]
  btf: boolean
  /** The file from which types are read instead; empty when none was given or none is needed. */
  btfFile: string
  cgroup: CgroupMode
  hook: string
  capabilities: readonly Capability[]
  runtimes: readonly { name: string; version: string }[]
  /** Runtimes whose program is installed, but which did not answer. */
  silentRuntimes: readonly string[]
  libseccomp: string
  seccompRoot: string
  /** undefined: a file can be written there. */
  seccompRootProblem: string | undefined
  /** undefined: the kernel accepts a filter. */
  filterProblem: string | undefined
  /** A reason despite a hook: syscalls are counted, but no count is proven. */
  selfTest: Tried<SelfTest & { recursionMisses: number }>
  /** Bytes of kernel memory. */
  memory: Tried<number>
  /** Paths that a satellite has pinned on the bpf file system. */
  pinned: readonly string[]
}

function attempt<Value>(action: () => Value): Tried<Value> {
  try {
    return { value: action() }
  } catch (error) {
    return { reason: reasonOf(error) }
  }
}

async function selfTest(
  btf: string | undefined
): Promise<{ hook: string; test: NodeFacts['selfTest'] }> {
  let hook = ''
  try {
    const recorder = openRecorder({ btf })
    try {
      recorder.attach()
      hook = recorder.hook
      const test = await recorder.selfTest()
      const { recursionMisses } = recorder.counters()
      return { hook, test: { value: { ...test, recursionMisses } } }
    } finally {
      recorder.stop()
    }
  } catch (error) {
    return { hook, test: { reason: reasonOf(error) } }
  }
}

/** Checks the folder itself, or the nearest existing parent. Writes nothing. */
async function whyNotWritable(folder: string): Promise<string | undefined> {
  let nearest = folder
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest)
  try {
    await access(nearest, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).message
  }
}

async function whyNoFilter(): Promise<string | undefined> {
  const result = await trialLoad({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['exit_group', 'read', 'write'], action: 'SCMP_ACT_ALLOW' }]
  })
  return result.ok ? undefined : result.reason
}

async function crunIfInstalled(): Promise<{ name: string; version: string }[]> {
  const version = await crunVersion()
  return version === '' ? [] : [{ name: 'crun', version }]
}

/** A daemon that does not run reports no version, but its program is installed. */
function installedRuntimes(answered: readonly { name: string }[]): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return ['runc', 'crun', 'containerd', 'docker', 'podman']
    .filter((name) => !answered.some((one) => one.name === name))
    .filter((name) => folders.some((folder) => existsSync(join(folder, name))))
}

async function pinnedThings(): Promise<string[]> {
  const folder = '/sys/fs/bpf'
  const names = await readdir(folder).catch((): string[] => [])
  return names.filter((name) => name.startsWith('secco')).map((name) => join(folder, name))
}

interface NodeToRead {
  seccompRoot: string
  containerdSocket: string
  /** BTF file for a kernel that has none of its own. */
  btf?: string | undefined
  logger: Logger
}

/** Reads the facts of this node. It undoes what it tries, and does not reject because one fact cannot be read. */
export async function readNodeFacts(options: NodeToRead): Promise<NodeFacts> {
  const { seccompRoot, containerdSocket, btf, logger } = options
  const registry = openRegistry(
    [runcRuntime(), containerdRuntime(containerdSocket), dockerRuntime(), podmanRuntime()],
    logger
  )
  try {
    const { hook, test } = await selfTest(btf)
    const runtimes = [...(await registry.versions()), ...(await crunIfInstalled())]
    const mountinfo = await readFile('/proc/self/mountinfo', 'utf8')
    return {
      root: process.getuid?.() === 0,
      kernel: release(),
      arch: machine(),
      abis: abisOfMachine(machine()),
      btf: hasKernelBtf(),
      btfFile: hasKernelBtf() ? '' : (btf ?? ''),
      cgroup: cgroupMode(mountinfo),
      hook,
      capabilities: await probeCapabilities(undefined, btf),
      runtimes,
      silentRuntimes: installedRuntimes(runtimes),
      libseccomp: (await readRuncVersion()).libseccomp,
      seccompRoot,
      seccompRootProblem: await whyNotWritable(seccompRoot),
      filterProblem: await whyNoFilter(),
      selfTest: test,
      memory: attempt(() => recorderMemory({ btf })),
      pinned: await pinnedThings()
    }
  } finally {
    registry.close()
  }
}
