import { revisionPath } from '../../src/api/names.js'
import { existsSync } from 'node:fs'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import { digestOf } from '../../src/lib/digest.js'
import { SeccoError } from '../../src/lib/errors.js'
import { approveObserved } from '../../src/seccomp/review/approve.js'
import { renderLearn } from '../../src/seccomp/render/render.js'
import { sizeOfSet } from '../../src/syscalls/syscall-set.js'
import type { Store } from '../../src/store/store.js'
import { type Attempt, compileAttack, parseAttempts } from './attack.js'
import { writeBundle } from './bundle.js'
import {
  execInContainer,
  type RuncContainer,
  removeContainer,
  signalContainer,
  startContainer
} from './container.js'
import { buildRootfs } from './rootfs.js'
import { reviewPod } from './review-pod.js'
import { exercise, untilServing } from './traffic.js'
import { until } from './until.js'

interface WalkOptions {
  store: Store
  /** Folder for packages and programs between runs. */
  cache: string
  /** Root file system of the server, from fetchServer(). */
  rootfs: string
  /** New folder for bundles and runc's state. */
  work: string
  /** runc's --root that the satellite watches. */
  runcRoot: string
  seccompRoot: string
  webhook: { url: string; ca: string }
  machine: string
  print: (line: string) => void
  /** Announces the next step of the loop. */
  step: (title: string) => void
  /** Aborts the walk-through. */
  signal: AbortSignal
}

const ref = { namespace: 'default', name: 'walk-through-nginx' }
const openId = 'walk-through-open'

function nginxConfig(port: number): string {
  return `daemon off; worker_processes 1; error_log /dev/null; pid /run/nginx.pid;
events { worker_connections 64; }
http { access_log off; sendfile on; server { listen 127.0.0.1:${port}; root /srv; } }
`
}

/** Returns a free TCP port of loopback from the kernel. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string')
    throw new SeccoError('INTERNAL', 'no TCP port was given')
  return address.port
}

interface Stage {
  port: number
  start: (container: RuncContainer, seccomp: LinuxSeccomp | undefined) => Promise<void>
  attack: (container: RuncContainer) => Promise<Attempt[]>
}

/** Fetches the server of the walk-through, once. @returns the folder for `rootfs` @throws SeccoError UNAVAILABLE */
export function fetchServer(cache: string, print: (line: string) => void): Promise<string> {
  return buildRootfs(cache, ['nginx', 'nginx-common'], print)
}

/** Prepares the files of the server; returns functions to start and attack it. */
async function setStage(options: WalkOptions): Promise<Stage> {
  const { rootfs } = options
  const attack = await compileAttack(options.cache)
  const port = await freePort()
  const files = join(options.work, 'files')
  await mkdir(files, { recursive: true })
  await writeFile(join(files, 'nginx.conf'), nginxConfig(port))
  await mkdir(join(files, 'srv'), { recursive: true })
  await writeFile(join(files, 'srv', 'index.html'), 'Secco says hello\n')
  await writeFile(join(files, 'srv', 'large.bin'), Buffer.alloc(4 * 1024 * 1024, 7))
  const bundle = join(options.work, 'bundle')
  return {
    port,
    start: async (container, seccomp) => {
      await writeBundle(bundle, {
        rootfs,
        args: ['/usr/sbin/nginx', '-c', '/etc/nginx/nginx.conf'],
        files: [
          { source: join(files, 'nginx.conf'), target: '/etc/nginx/nginx.conf' },
          { source: join(files, 'srv'), target: '/srv' },
          { source: attack, target: '/root/attack' }
        ],
        writable: ['/run', '/tmp', '/var/lib/nginx', '/var/log/nginx'],
        seccomp,
        profile: container.id,
        noNewPrivileges: true,
        // Granted so that only the filter stands between the attack and the kernel.
        extraCapabilities: ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_BPF']
      })
      await startContainer(container, bundle)
      await untilServing(port, 60_000)
    },
    attack: async (container) =>
      parseAttempts((await execInContainer(container, ['/root/attack'])).stdout)
  }
}

function summary(attempts: readonly Attempt[]): string {
  return attempts.map(({ call, denied }) => `${call} ${denied ? 'denied' : 'succeeds'}`).join(', ')
}

function expectAttack(attempts: readonly Attempt[], denied: boolean): void {
  const wrong = attempts.filter((attempt) => attempt.denied !== denied)
  if (attempts.length === 5 && wrong.length === 0) return
  throw new SeccoError(
    'INTERNAL',
    `the attack should be ${denied ? 'denied' : 'possible'} for all 5 calls: ${summary(attempts)}`
  )
}

async function learnt(options: WalkOptions): Promise<SeccompProfile | undefined> {
  return options.store.get('SeccompProfile', ref)
}

/** Waits until the hub has observed the wanted syscalls, and prints the growing number. */
async function watchLearning(
  options: WalkOptions,
  wanted: readonly string[],
  before = 0
): Promise<number> {
  let shown = before
  return until(
    async () => {
      const profile = await learnt(options)
      const size = sizeOfSet(profile?.status?.observed ?? {})
      if (size > shown) options.print(`learned so far: ${size} syscalls`)
      shown = Math.max(shown, size)
      const names = new Set(
        profile?.status?.observed?.x86_64 ?? profile?.status?.observed?.aarch64 ?? []
      )
      return wanted.every((name) => names.has(name)) ? size : undefined
    },
    {
      limitMs: 60_000,
      what: `the hub to have learned ${wanted.join(', ')}`,
      signal: options.signal
    }
  )
}

async function approveAndDeliver(
  options: WalkOptions
): Promise<{ path: string; digest: string; text: string }> {
  const decision = {
    by: 'walk-through',
    at: new Date().toISOString(),
    reason: 'the walk-through'
  }
  const approved = await options.store.update('SeccompProfile', ref, (profile) =>
    approveObserved(profile, decision)
  )
  const last = approved.status?.approvals?.length ?? 0
  options.print(
    `approved by ${decision.by} (approval ${last}); waiting for the node's acknowledgement`
  )
  const digest = await until(
    async () => {
      const status = (await learnt(options))?.status
      const ready =
        status?.nodes !== undefined &&
        status.nodes.total > 0 &&
        status.nodes.ready === status.nodes.total
      return ready ? status.revision : undefined
    },
    { limitMs: 60_000, what: 'every node to hold the revision', signal: options.signal }
  )
  const path = revisionPath(ref.namespace, ref.name, digest)
  const text = await readFile(join(options.seccompRoot, path), 'utf8')
  return { path, digest, text }
}

/** Reviews the pod until it is patched: the webhook follows the node's acknowledgement a moment later. */
async function reviewWhenReady({ webhook, signal }: WalkOptions): Promise<string[]> {
  let failure: unknown
  const answer = async () => {
    try {
      return await reviewPod(webhook, ref)
    } catch (error) {
      failure = error
      return undefined
    }
  }
  try {
    return await until(answer, { limitMs: 5000, what: 'the patch', signal })
  } catch (error) {
    throw failure ?? error
  }
}

/** Removes the containers of the walk-through. Returns the names of those that were removed. */
export async function removeExample(runcRoot: string): Promise<string[]> {
  const removed: string[] = []
  for (const id of [openId, ref.name]) {
    // runc keeps a folder for each container.
    if (!existsSync(join(runcRoot, id))) continue
    if (await removeContainer({ id, root: runcRoot })) removed.push(id)
  }
  return removed
}

/** Goes through the whole loop once on this machine, with real values. Throws at the first step that fails. */
export async function walkThrough(options: WalkOptions): Promise<() => Promise<void>> {
  options.step('a real server from Debian packages, under runc')
  const stage = await setStage(options)
  // A container of its own, because a container without a filter is learned from too, with the attack.
  const open = { id: openId, root: options.runcRoot }
  const server = { id: ref.name, root: options.runcRoot }
  const clean = async () => {
    await removeExample(options.runcRoot)
  }
  try {
    await clean()
    // Each walk starts without a profile: an earlier approval could allow the attack.
    for (const { id } of [open, server]) {
      await options.store.delete('SeccompProfile', { namespace: ref.namespace, name: id })
    }
    await stage.start(open, undefined)
    const free = await stage.attack(open)
    options.print(`${openId}, without a filter (capabilities granted on purpose): ${summary(free)}`)
    expectAttack(free, false)
    await clean()

    options.step('learn: nginx runs under RuntimeDefault and is recorded in the kernel')
    await stage.start(server, renderLearn(options.machine).seccomp)
    const atStart = await watchLearning(options, ['listen'])
    const first = await exercise(stage.port, 4)
    options.print(`traffic: ${first.right} of ${first.asked} answers right`)
    const serving = await watchLearning(options, ['accept4', 'epoll_wait', 'sendfile'], atStart)
    await signalContainer(server, 'HUP')
    await exercise(stage.port, 2)
    await clean()
    const size = await watchLearning(
      options,
      ['exit_group', 'rt_sigreturn', 'rt_sigsuspend'],
      serving
    )
    options.print(`observed: ${size} syscalls, from the first instruction to the end`)

    options.step('approve, render, deliver')
    const { path, digest, text } = await approveAndDeliver(options)
    const file = join(options.seccompRoot, path)
    const { mode, size: bytes } = await stat(file)
    const measured = digestOf(text)
    if (measured !== digest)
      throw new SeccoError('DIGEST_MISMATCH', `${file} has ${measured}, not ${digest}`)
    options.print(`on the node: ${file}`)
    options.print(`  ${bytes} bytes, mode ${(mode & 0o777).toString(8)}, sha256 equals its name`)

    options.step('admission: a labelled pod is sent to the webhook')
    for (const line of await reviewWhenReady(options)) options.print(line)

    options.step('enforce: the same server under the learned profile')
    await stage.start(server, JSON.parse(text) as LinuxSeccomp)
    const second = await exercise(stage.port, 4)
    options.print(`traffic: ${second.right} of ${second.asked} answers right`)
    if (second.right !== second.asked)
      throw new SeccoError('INTERNAL', 'the enforced server gave wrong answers')
    const caged = await stage.attack(server)
    options.print(`the same attack: ${summary(caged)}`)
    expectAttack(caged, true)
    options.print(
      `next: secco profile show ${ref.name}, or learn a server of your own under \`secco render --learn\``
    )
    return clean
  } catch (error) {
    await clean()
    throw error
  }
}
