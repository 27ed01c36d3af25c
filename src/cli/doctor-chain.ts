import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { machine, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerView } from '../../webhook/truth/container-views.js'
import type { DenialView } from '../../webhook/truth/denial-views.js'
import { apiVersion } from '../api/names.js'
import type { LinuxSeccomp, SeccompProfile } from '../api/seccomp-profile.js'
import { toSeccoError } from '../errors.js'
import type { ProfileState } from '../rules/profile-state.js'
import { digestOf } from '../seccomp/digest.js'
import type { Store } from '../store/store.js'
import { tinyPrograms } from './base/tiny-program.js'
import { type Io, paint, plain } from './io.js'
import { printObject } from './output.js'
import { type Addresses, readAddresses, type StatePaths } from './state.js'
import { askHub } from './hub-api.js'
import { writeBundle } from './walk-through/bundle.js'
import { removeContainer, startContainer } from './walk-through/container.js'
import { reviewPod } from './walk-through/review-pod.js'

export interface ChainOptions {
  output: 'table' | 'json' | 'yaml'
  paths: StatePaths
  seccompRoot: string | undefined
  user: string
  now: () => Date
}

interface Step {
  what: string
  ok: boolean
  found: string
  /** The mend; empty when it is green. */
  next: string
}

const name = 'secco-doctor'
const ref = { namespace: 'default', name }
const patienceMs = 30_000
const webhookPatienceMs = 10_000
const filterPatienceMs = 15_000
const toldPatienceMs = 10_000

/** Asks until there is an answer; undefined when there is none in time. */
async function eventually<T>(
  ask: () => Promise<T | undefined>,
  forMs = patienceMs
): Promise<T | undefined> {
  for (const end = Date.now() + forMs; Date.now() < end; ) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await delay(200)
  }
  return undefined
}

/** Everything but getsid, which the canary asks once. */
const canaryProfile = (): SeccompProfile => ({
  apiVersion,
  kind: 'SeccompProfile',
  metadata: ref,
  spec: {
    workload: { kind: 'Container', name },
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: [...tinyPrograms(machine()).own], action: 'SCMP_ACT_ALLOW' }]
    }
  }
})

interface Chain {
  store: Store
  options: ChainOptions
  addresses: Addresses
  work: string
  path: string
  digest: string
  seccomp: LinuxSeccomp | undefined
  /** The canary ran: what it did comes in until its end has. */
  started: boolean
}

/** One link of the chain: what it proves, how, and what mends it. */
interface Link {
  what: string
  mend: string
  /** What was found; throws, or gives undefined, when it is broken. */
  prove: (chain: Chain) => Promise<string | undefined>
}

const links: readonly Link[] = [
  {
    what: 'the hub answers, and a node is connected',
    mend: 'start `secco up` (or `secco webhook` and `secco satellite`) on this state folder',
    async prove(chain) {
      chain.addresses = await readAddresses(chain.options.paths)
      const nodes = await eventually(async () => {
        const { items } = await askHub<{ items: { name: string; connected: boolean }[] }>(
          chain.addresses,
          '/api/v1/nodes'
        )
        const there = items.filter(({ connected }) => connected)
        return there.length > 0 ? there : undefined
      })
      return nodes?.map((node) => node.name).join(', ')
    }
  },
  {
    what: 'a profile becomes a revision that every node has',
    mend: 'look at `secco get profiles -o wide` and `secco get nodes -o wide`: a node is away or cannot write',
    async prove(chain) {
      await chain.store.delete('SeccompProfile', ref)
      await chain.store.apply('SeccompProfile', canaryProfile())
      const state = await eventually(async () => {
        const path = '/api/v1/states'
        const { items } = await askHub<{ items: ProfileState[] }>(chain.addresses, path)
        const own = items.find((one) => one.name === name && one.namespace === ref.namespace)
        return own?.enforce?.ready === true ? own.enforce : undefined
      })
      if (state === undefined) return undefined
      chain.digest = state.digest
      chain.path = state.path
      return state.digest.slice(0, 19)
    }
  },
  {
    what: 'the webhook patches a pod that asks for it',
    mend: 'look at the audit lines of the webhook, and at `secco check -f POD.yaml`',
    async prove(chain) {
      const url = chain.addresses.webhook.replace('127.0.0.1', 'localhost')
      const ca = Buffer.from(chain.addresses.caBundle, 'base64').toString()
      let why = `its answer does not name ${chain.path}`
      // It takes its rules and profiles in a moment after the nodes have the file.
      const named = await eventually(async () => {
        const lines = await reviewPod({ url, ca }, ref).catch((error: unknown) => {
          why = toSeccoError(error).message
          return []
        })
        return lines.some((line) => line.includes(chain.path)) ? chain.path : undefined
      }, webhookPatienceMs)
      if (named === undefined) throw new Error(why)
      return named
    }
  },
  {
    what: 'the file on this node is what its name says',
    mend: 'give --seccomp-root the folder that the satellite writes to; it mends changed files by itself',
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
          throw new Error(`${join(root, chain.path)} is not what its name says`)
        }
        chain.seccomp = JSON.parse(bytes.toString()) as LinuxSeccomp
        return join(root, chain.path)
      }
      throw new Error(`there is no ${chain.path} in a seccomp folder of this node`)
    }
  },
  {
    what: 'a container starts under it',
    mend: 'run `secco doctor --node`: this machine needs runc and root for the canary',
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
      await startContainer({ id: name, root: join(chain.options.paths.root, 'runc') }, bundle)
      chain.started = true
      return name
    }
  },
  {
    what: "the kernel's filter is that revision",
    mend: 'look at `secco ps -o wide`: WHY says what is in force instead',
    async prove({ addresses, digest }) {
      let why = 'the satellite did not see it: does it watch this runc root?'
      let unread: ContainerView | undefined
      const read = await eventually(async () => {
        const path = '/api/v1/containers'
        const { items } = await askHub<{ items: ContainerView[] }>(addresses, path)
        const own = items.find(({ id }) => id === name)
        if (own !== undefined) why = `${own.state}: ${own.why}`
        unread = own?.state === 'enforced' && own.revision === digest ? own : undefined
        return unread?.checked === 'bytes' || unread?.checked === 'table' ? unread : undefined
      }, filterPatienceMs)
      // Where satellites may not read filters the mode has to do; what was found says so.
      const seen = read ?? unread
      if (seen === undefined) throw new Error(why)
      return seen.why
    }
  },
  {
    what: 'a refused call is seen and attributed',
    mend: 'run `secco doctor --node`: recording or the tracing of denials does not work here',
    async prove({ addresses }) {
      const denial = await eventually(async () => {
        const path = '/api/v1/denials'
        const { items } = await askHub<{ items: DenialView[] }>(addresses, path)
        return items.find((one) => one.container === name && one.syscall === 'getsid')
      })
      return denial === undefined
        ? undefined
        : `getsid by ${denial.comm} on ${denial.node}: ${denial.answer}`
    }
  }
]

/** What the canary did comes in until its end has: a profile that is deleted before would be made again. */
async function untilTold({ store }: Chain): Promise<void> {
  await eventually(async () => {
    const profile = await store.get('SeccompProfile', ref)
    const all = profile?.status?.instances ?? []
    return all.length > 0 && all.every(({ ended }) => ended) ? true : undefined
  }, toldPatienceMs)
}

/** `secco doctor`: 0 when every link holds, else 1; what it made is removed again. */
export async function runChainDoctor(io: Io, store: Store, options: ChainOptions): Promise<number> {
  const work = await mkdtemp(join(tmpdir(), 'secco-doctor-'))
  const chain: Chain = {
    ...{ store, options, work, path: '', digest: '', seccomp: undefined, started: false },
    addresses: { pid: 0, webhook: '', hub: '', ui: '', caBundle: '' }
  }
  const steps: Step[] = []
  const width = Math.max(...links.map(({ what }) => what.length))
  try {
    for (const { what, mend, prove } of links) {
      const broken = steps.some(({ ok }) => !ok)
      let step: Step
      if (broken) step = { what, ok: false, found: 'not tried', next: '' }
      else {
        try {
          const found = await prove(chain)
          step = { what, ok: found !== undefined, found: found ?? 'not within 30 s', next: mend }
        } catch (error) {
          step = { what, ok: false, found: toSeccoError(error).message, next: mend }
        }
      }
      if (step.ok) step.next = ''
      steps.push(step)
      if (options.output !== 'table') continue
      const sign = step.ok
        ? paint(io, 'green', '✓')
        : broken
          ? paint(io, 'dim', '·')
          : paint(io, 'red', '✗')
      io.stdout(`${sign} ${what.padEnd(width)}   ${plain(step.found)}\n`)
      if (step.next !== '') io.stdout(`  ${' '.repeat(width)}   next: ${step.next}\n`)
    }
  } finally {
    await removeContainer({ id: name, root: join(options.paths.root, 'runc') }, 'KILL').catch(
      () => undefined
    )
    if (chain.started) await untilTold(chain)
    await store.delete('SeccompProfile', ref).catch(() => false)
    await rm(work, { recursive: true, force: true })
  }
  const good = steps.every(({ ok }) => ok)
  if (options.output !== 'table') printObject(io, options.output, { good, steps })
  else {
    const words = good ? 'the whole chain works' : 'the chain is broken where it is red'
    io.stdout(`${paint(io, good ? 'green' : 'red', words)}\n`)
  }
  return good ? 0 : 1
}
