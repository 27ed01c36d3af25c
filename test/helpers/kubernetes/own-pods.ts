import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { machine } from 'node:os'
import { join } from 'node:path'
import { openRecorder } from '../../../native/recorder.js'
import { containerdRuntime } from '../../../satellite/containers/containerd.js'
import { openRegistry } from '../../../satellite/containers/registry.js'
import { runcRuntime } from '../../../satellite/containers/runc.js'
import { digestOfSeccomp } from '../../../satellite/containers/seccomp-digest.js'
import { startRecorderLoop } from '../../../satellite/recorder/recorder-loop.js'
import type { Observation } from '../../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { namespace } from '../../../cli/install/names.js'
import { createLogger } from '../../../src/lib/log.js'
import { digestOf } from '../../../src/lib/digest.js'
import { abisOfMachine } from '../../../src/syscalls/abi.js'
import { ownProfile, type OwnProgram } from '../../../src/seccomp/render/own.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { quiet } from '../quiet.js'
import { measuring } from './measuring.js'
import type { RealNode } from './node.js'
import { containerIdOf, listPods } from './pods.js'
import type { RealCluster } from './real-cluster.js'

/** Containers of our own pods by the program in them; the init containers' name is not among them. */
const programOf: Readonly<Record<string, OwnProgram>> = {
  secco: 'webhook',
  satellite: 'satellite',
  clean: 'satellite'
}

const floor = runtimeDefaultNames()
/** What runtimes add to RuntimeDefault for the capabilities that our containers have. */
const given: Readonly<Record<OwnProgram, readonly string[]>> = {
  satellite: ['bpf', 'perf_event_open'],
  webhook: []
}

/** What containers of one of our programs asked for, together. */
interface SeenProgram {
  containers: number
  names: string[]
  /** Denied although RuntimeDefault would let it through, with the container it happened in. */
  denied: string[]
  /** Denied, as RuntimeDefault does: what a kernel can do is tried out. */
  tried: string[]
}

/** Follows our own pods on a node with a recorder of the test's, from their first instruction on. */
interface OwnPods {
  seen(): Promise<Record<OwnProgram, SeenProgram>>
  stop(): Promise<void>
}

function together(all: readonly Observation[], program: OwnProgram): SeenProgram {
  const own = all.filter(({ container }) => programOf[container?.name ?? ''] === program)
  const denials = own.flatMap(({ denied, container, part }) =>
    denied
      .filter(({ detail }) => detail?.expected !== true)
      .map(({ name }) => ({ name, where: `${name} in ${container?.podName ?? ''} (${part})` }))
  )
  const isOurs = (name: string): boolean => floor.has(name) || given[program].includes(name)
  const unwanted = new Set(own.flatMap(({ denied }) => denied.map(({ name }) => name)))
  const names = new Set(
    own.flatMap(({ abis }) => abis.flatMap((abi) => abi.syscalls)).map(({ name }) => name)
  )
  return {
    containers: new Set(own.map(({ container }) => container?.id)).size,
    names: [...names].filter((name) => !unwanted.has(name)).sort(),
    denied: [...new Set(denials.filter(({ name }) => isOurs(name)).map(({ where }) => where))],
    tried: [...new Set(denials.map(({ name }) => name).filter((name) => !isOurs(name)))]
  }
}

/** To be started before our pods are. */
export async function watchOwnPods(node: RealNode, test: string): Promise<OwnPods> {
  const [abi] = abisOfMachine(machine())
  if (abi === undefined) throw new Error(`no syscall table for ${machine()}`)
  const logger = createLogger('own-pods', quiet)
  const runtimes = [runcRuntime([node.runcRoot]), containerdRuntime(node.containerdSocket)]
  const registry = openRegistry(runtimes, logger)
  const ended = new Map<string, Observation>()
  const loop = await startRecorderLoop({
    recorder: openRecorder(),
    registry,
    node: node.name,
    bootId: 'test',
    machine: abi,
    logger,
    only: ({ pod }) => pod?.namespace === namespace,
    onObservation: (one) => {
      if (one.ended) ended.set(one.id, one)
    }
  })
  const seen = async (): Promise<Record<OwnProgram, SeenProgram>> => {
    const now = (await loop.current()).filter(({ id }) => !ended.has(id))
    const all = [...ended.values(), ...now]
    return { satellite: together(all, 'satellite'), webhook: together(all, 'webhook') }
  }
  return {
    seen,
    stop: async () => {
      if (measuring !== undefined) {
        await mkdir(measuring, { recursive: true })
        await writeFile(join(measuring, `${test}.json`), JSON.stringify(await seen()))
      }
      await loop.stop()
      registry.close()
    }
  }
}

/** A running container of ours: what its pod declares, what its runtime was given, what the kernel has. */
interface Confined {
  name: string
  declared: string
  /** Digest of the profile in the runtime's configuration. */
  digest: string
  /** From /proc/PID/status. */
  seccomp: string
  filters: string
  /** Is the file on the node what its name says? */
  file: boolean
}

/** The programs' containers of all our pods, by name. */
export async function confinementOfOwnPods(cluster: RealCluster): Promise<Confined[]> {
  const node = cluster.node()
  const pods = await listPods(cluster, namespace, 'app.kubernetes.io/name=secco')
  const all = pods.flatMap((pod) => pod.spec.containers.map((container) => ({ pod, container })))
  const confined = all.map(async ({ pod, container }): Promise<Confined> => {
    const id = containerIdOf(pod, container.name)
    const info = JSON.parse(await node.ctr('containers', 'info', id)) as {
      Spec: { linux: { seccomp?: LinuxSeccomp } }
    }
    const { seccomp } = info.Spec.linux
    const status = await readFile(`/proc/${await node.pidOf(id)}/status`, 'utf8')
    const declared = container.securityContext?.seccompProfile?.localhostProfile ?? ''
    const bytes = await readFile(join(node.seccompRoot, declared)).catch(() => undefined)
    const hex = bytes === undefined ? '' : digestOf(bytes).replace('sha256:', '')
    return {
      name: container.name,
      declared,
      digest: seccomp === undefined ? '' : digestOfSeccomp(seccomp),
      seccomp: /^Seccomp:\s*(\d+)$/m.exec(status)?.[1] ?? '',
      filters: /^Seccomp_filters:\s*(\d+)$/m.exec(status)?.[1] ?? '',
      file: bytes !== undefined && declared.endsWith(`-${hex}.json`)
    }
  })
  return (await Promise.all(confined)).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** What `confinementOfOwnPods` has to say of a container. */
export function confinedBy(name: string, program: OwnProgram): Confined {
  const { path, digest } = ownProfile(program)
  return { name, declared: path, digest, seccomp: '2', filters: '1', file: true }
}
