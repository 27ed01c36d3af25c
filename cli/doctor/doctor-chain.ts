import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { machine, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { digestOf } from '../../src/lib/digest.js'
import type { Store } from '../../src/store/store.js'
import { tinyPrograms } from '../base/tiny-program.js'
import { canaryProfile, deliveredTo, proveDenial, proveFilter } from './doctor-canary.js'
import { hubChecks, noHub, printHubChecks } from './doctor-hub-checks.js'
import { byWords } from './doctor-cluster-nodes.js'
import {
  conclude,
  type DoctorOutput,
  eventually,
  type Link,
  promptMs,
  type Step,
  walkLinks
} from './doctor-links.js'
import type { Io } from '../lib/io.js'
import { type Addresses, readAddresses, type StatePaths } from '../lib/state.js'
import { Hub } from '../hubs/hub.js'
import { writeBundle } from '../walk-through/bundle.js'
import { removeContainer, startContainer } from '../walk-through/container.js'
import { reviewPod } from '../walk-through/review-pod.js'

interface ChainOptions {
  output: DoctorOutput
  paths: StatePaths
  seccompRoot: string | undefined
  user: string
  now: () => Date
  /** Ends the proof early; what was made is removed. */
  signal: AbortSignal
}

const name = 'secco-doctor'
const ref = { namespace: 'default', name }

interface Chain {
  store: Store
  options: ChainOptions
  addresses: Addresses
  hub: Hub
  work: string
  path: string
  digest: string
  seccomp: LinuxSeccomp | undefined
  /** The start of the canary: its observations arrive until its end is reported. */
  starting: Promise<void> | undefined
}

const links: readonly Link<Chain>[] = [
  {
    what: 'the hub answers, and a node is connected',
    fix: 'start `secco up` (or `secco webhook` and `secco satellite`) on this state folder',
    async prove(chain) {
      chain.addresses = await readAddresses(chain.options.paths)
      chain.hub = new Hub([chain.addresses])
      const nodes = await eventually(async () => {
        const known = await chain.hub.list<{ name: string; connected: boolean }>('/api/v1/nodes')
        const there = known.filter(({ connected }) => connected)
        return there.length > 0 ? there : undefined
      })
      return nodes?.map((node) => node.name).join(', ')
    }
  },
  {
    what: 'a profile becomes a revision that every node has',
    fix: 'find the node that is away or cannot write: secco get profiles -o wide; secco get nodes -o wide',
    async prove(chain) {
      await chain.store.delete('SeccompProfile', ref)
      const own = canaryProfile(ref, { kind: 'Container', name }, machine())
      await chain.store.apply('SeccompProfile', own)
      const state = await deliveredTo(chain.hub, ref)
      if (state === undefined) return undefined
      chain.digest = state.digest
      chain.path = state.path
      return state.digest.slice(0, 19)
    }
  },
  {
    what: 'the webhook patches a pod that asks for it',
    fix: 'look at the audit lines of the webhook, and at `secco check -f POD.yaml`',
    async prove(chain) {
      const url = chain.addresses.webhook.replace('127.0.0.1', 'localhost')
      const ca = Buffer.from(chain.addresses.caBundle, 'base64').toString()
      let why = `its answer does not name ${chain.path}`
      // The webhook updates its snapshot a moment after the nodes have the file.
      const named = await eventually(async () => {
        const lines = await reviewPod({ url, ca }, ref).catch((error: unknown) => {
          why = toSeccoError(error).message
          return []
        })
        return lines.some((line) => line.includes(chain.path)) ? chain.path : undefined
      }, promptMs)
      if (named === undefined) throw new Error(why)
      return named
    }
  },
  {
    what: 'the file on this node has the digest in its name',
    fix: 'give --seccomp-root the folder that the satellite writes to; it restores changed files by itself',
    async prove(chain) {
      const roots = [
        chain.options.seccompRoot,
        '/var/lib/kubelet/seccomp',
        chain.options.paths.seccomp
      ]
      for (const root of roots) {
        if (root === undefined) continue
        const bytes = await readFile(join(root, chain.path)).catch(() => undefined)
        if (bytes === undefined) continue
        if (digestOf(bytes) !== chain.digest) {
          throw new Error(`${join(root, chain.path)} does not have the digest in its name`)
        }
        chain.seccomp = JSON.parse(bytes.toString()) as LinuxSeccomp
        return join(root, chain.path)
      }
      throw new Error(`there is no ${chain.path} in a seccomp folder of this node`)
    }
  },
  {
    what: 'a container starts under the profile',
    fix: 'run `secco doctor --node`: this machine needs runc and root for the canary',
    async prove(chain) {
      const rootfs = join(chain.work, 'rootfs')
      for (const folder of ['proc', 'dev', 'tmp']) {
        await mkdir(join(rootfs, folder), { recursive: true })
      }
      await writeFile(join(rootfs, 'ask'), tinyPrograms(machine()).ask, { mode: 0o755 })
      const bundle = await writeBundle(join(chain.work, 'bundle'), {
        ...{ rootfs, args: ['/ask'], files: [], writable: [], profile: name },
        ...{ seccomp: chain.seccomp, noNewPrivileges: true }
      })
      const canary = { id: name, root: join(chain.options.paths.root, 'runc') }
      // A verb that was killed could not remove its own.
      await removeContainer(canary, 'KILL').catch(() => undefined)
      chain.starting = startContainer(canary, bundle)
      await chain.starting
      return name
    }
  },
  {
    what: "the kernel's filter is that revision",
    fix: 'look at `secco ps -o wide`: the column WHY names what is in force instead',
    prove: ({ hub, digest }) => proveFilter(hub, ({ id }) => id === name, digest)
  },
  {
    what: 'a denial is recorded with its process',
    fix: 'run `secco doctor --node`: recording syscalls or denials does not work here',
    async prove({ hub }) {
      const seen = await proveDenial(hub, name)
      return seen && byWords([seen])
    }
  }
]

/** Waits for the last observation of the canary: it would create the profile again after it was deleted. */
async function untilEnded({ store }: Chain): Promise<void> {
  await eventually(async () => {
    const profile = await store.get('SeccompProfile', ref)
    const all = profile?.status?.instances ?? []
    return all.length > 0 && all.every(({ ended }) => ended) ? true : undefined
  })
}

/** `secco doctor`: returns 0 when every link holds, otherwise 1. It removes everything that it made. */
export async function runChainDoctor(io: Io, store: Store, options: ChainOptions): Promise<number> {
  const work = await mkdtemp(join(tmpdir(), 'secco-doctor-'))
  const chain: Chain = {
    ...{ store, options, work, path: '', digest: '', seccomp: undefined, starting: undefined },
    ...{ addresses: { pid: 0, webhook: '', hub: '', ui: '', caBundle: '' } },
    hub: noHub
  }
  let steps: Step[] = []
  try {
    steps = await walkLinks(io, options.output, links, chain, options.signal)
  } finally {
    // A start that goes on while the proof ends would come after the removal.
    const started = await chain.starting?.then(
      () => true,
      () => false
    )
    await removeContainer({ id: name, root: join(options.paths.root, 'runc') }, 'KILL').catch(
      () => undefined
    )
    if (started === true) await untilEnded(chain)
    await store.delete('SeccompProfile', ref).catch(() => false)
    await rm(work, { recursive: true, force: true })
  }
  const checks = await hubChecks(chain.hub)
  const code = conclude(io, options.output, steps, { checks })
  if (options.output === 'table') printHubChecks(io, checks)
  return code
}
