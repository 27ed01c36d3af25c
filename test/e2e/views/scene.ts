import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { cleanPins } from '../../../native/pins.js'
import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { objectPath } from '../../../src/store/directory-layout.js'
import type { ProfileState } from '../../../src/rules/profile-state.js'
import type { ContainerView } from '../../../webhook/confinement/containers/container-view.js'
import { makeBundle, makeRootfs, run } from '../../helpers/runc-bundle.js'
import { profileOf } from '../../helpers/truth-rig.js'
import { until } from '../../helpers/until.js'
import { Actor } from './actor.js'
import { Programs } from './programs.js'
import { differences, type Facts, isMoving, printed } from './facts.js'
import { type Place, readViews, type Which } from './read.js'

const patience = { timeoutMs: 120_000, everyMs: 100 }

export const rule = {
  apiVersion: 'secco.dev/v1alpha1',
  kind: 'SeccompRule',
  metadata: { namespace: 'default', name: 'teams' },
  spec: {
    podSelector: { matchLabels: { team: 'shop' } },
    profile: { name: 'web' },
    mode: 'enforce'
  }
}

const pod = {
  ...{ apiVersion: 'v1', kind: 'Pod' },
  metadata: { namespace: 'default', name: 'web-1', labels: { team: 'shop' } },
  spec: { containers: [{ name: 'app', image: 'app' }] }
}

interface Change {
  seccomp: LinuxSeccomp | 'none'
  annotations?: Record<string, string>
  privileged?: boolean
}

/**
 * Scene is an embedded installation of two programs with real containers: `web` enforced and denied a syscall, `job`
 * in audit, `bare` without a profile, `priv` privileged, and `over`, which has ended.
 */
export class Scene {
  readonly #work = mkdtempSync(join(tmpdir(), 'secco-views-'))
  readonly #containers = new Set<string>()
  readonly #bundles: string[] = []
  #rootfs = ''
  programs!: Programs
  place!: Place
  readonly actor = new Actor(() => this.place, this.#work)

  async open(): Promise<void> {
    for (const name of ['bpf', 'runc', 'state']) mkdirSync(join(this.#work, name))
    execFileSync('mount', ['-t', 'bpf', 'bpf', join(this.#work, 'bpf')])
    this.#rootfs = await makeRootfs()
    this.programs = await Programs.create(this.#work)
    await this.programs.start('hub')
    await this.programs.start('satellite')
    this.place = await this.programs.place({ POD: stringify(pod) })
  }

  async close(): Promise<void> {
    for (const id of this.#containers) await this.stop(id)
    await Promise.all([this.programs.kill('satellite'), this.programs.kill('hub')])
    const pin = join(this.#work, 'bpf', 'secco')
    if (existsSync(pin)) cleanPins(pin)
    execFileSync('umount', [join(this.#work, 'bpf')])
    for (const path of [this.#work, dirname(this.#rootfs), ...this.#bundles])
      await rm(path, { recursive: true, force: true })
  }

  /** Returns the content of the revision of a profile, once the node has it. */
  async revision(name: string, mode: 'enforce' | 'audit'): Promise<LinuxSeccomp> {
    const found = await until(
      `${mode} of ${name} on the node`,
      async () => {
        const states = await this.actor.items<ProfileState>('/api/v1/states')
        const one = states.find((state) => state.name === name)?.[mode]
        if (one?.ready === true) return one
        throw new Error(JSON.stringify(states))
      },
      patience
    )
    const path = join(this.#work, 'seccomp', found.path)
    return JSON.parse(await readFile(path, 'utf8')) as LinuxSeccomp
  }

  async digest(name: string): Promise<string> {
    const states = await this.actor.items<ProfileState>('/api/v1/states')
    return states.find((state) => state.name === name)?.enforce?.digest ?? ''
  }

  async start(id: string, calls: readonly string[], change: Change): Promise<void> {
    const { seccomp, annotations = {}, privileged } = change
    const bundle = await makeBundle(this.#rootfs, {
      args: ['/probe', ...calls, 'wait'],
      ...{ annotations, seccomp }
    })
    this.#bundles.push(bundle)
    if (privileged === true) await makePrivileged(join(bundle, 'config.json'))
    this.#containers.add(id)
    const args = ['--root', join(this.#work, 'runc'), 'run', '-d', '--bundle', bundle, id]
    const [code] = (await once(spawn('runc', args, { stdio: 'ignore' }), 'exit')) as [number]
    if (code !== 0) throw new Error(`runc could not start ${id}`)
  }

  async stop(id: string): Promise<void> {
    this.#containers.delete(id)
    await run('runc', ['--root', join(this.#work, 'runc'), 'delete', '--force', id])
  }

  /** Resolves when a container's view is as it should be. */
  async seen(id: string, is: (view: ContainerView) => boolean): Promise<ContainerView> {
    return until(
      `${id} in GET /api/v1/containers`,
      async () => {
        const views = await this.actor.items<ContainerView>('/api/v1/containers')
        const view = views.find((one) => one.id === id)
        if (view !== undefined && is(view)) return view
        throw new Error(JSON.stringify(view ?? views.map((one) => one.id)))
      },
      patience
    )
  }

  /** Fills the installation: profiles, a rule, containers, denials, and decisions of a person. */
  async fill(): Promise<void> {
    await this.actor.apply(profileOf('web', []))
    await this.actor.apply({
      ...profileOf('job', ['getsid']),
      spec: { ...profileOf('job', ['getsid']).spec, ladder: { mode: 'audit' } }
    })
    await this.actor.apply(rule)
    const web = await this.revision('web', 'enforce')
    const job = await this.revision('job', 'audit')
    const denied = (id: string) => this.seen(id, ({ denials }) => denials > 0)
    await this.start('over', ['getsid'], { seccomp: web })
    await denied('over')
    await this.stop('over')
    await this.start('web', ['getsid'], { seccomp: web })
    await this.start('job', ['getpgid'], {
      ...{ seccomp: job, annotations: { 'secco.dev/profile': 'job' } }
    })
    await this.start('bare', ['getpriority'], { seccomp: 'none' })
    await this.start('drifted', [], {
      seccomp: 'none',
      annotations: { 'secco.dev/assigned': assignedTo('drifted', await this.digest('web')) }
    })
    await this.start('priv', [], { seccomp: 'none', privileged: true })
    await denied('web')
    await denied('job')
    await this.seen('bare', ({ state }) => state === 'unconfined')
    await this.seen('drifted', ({ drift }) => drift.length > 0)
    await this.seen('priv', ({ state }) => state === 'not-protectable')
    await this.actor.importTrace('learned')
    await this.actor.send('POST', '/api/v1/mute', {
      ...{ profile: 'default/job', syscall: 'getpgid', reason: 'known' }
    })
    await this.actor.secco('block keyctl --reason CVE')
    const ref = { namespace: 'default', name: 'broken' }
    const broken = objectPath(join(this.programs.state, 'objects'), 'SeccompProfile', ref)
    await writeFile(broken, 'kind: ]')
    await this.learned(['bare', 'drifted', 'job', 'priv', 'web'])
  }

  /** Resolves when the starts of these containers are learned, and the hub has saved when they were. */
  async learned(names: readonly string[]): Promise<void> {
    await until(
      'every start to be learned and saved',
      async () => {
        const profiles = await this.actor.items<SeccompProfile>('/api/v1/profiles')
        const known = new Set(
          profiles.filter(({ status }) => status?.startup).map(({ metadata }) => metadata.name)
        )
        const file = join(this.programs.state, 'revisions', 'discovery.json')
        const saved = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
        const missing = names.filter((name) => !known.has(name) || !(`default/${name}` in saved))
        if (missing.length > 0) throw new Error(`not yet: ${missing.join(' ')}`)
        return true
      },
      patience
    )
  }

  /** Returns all views once they stay as they are. */
  settled(): Promise<Facts> {
    return this.#settled('all', { timeoutMs: 120_000, everyMs: 2000 }, (now) =>
      Promise.resolve(now)
    )
  }

  /**
   * Returns the views of data once the API stays as it is and they are as `check` wants them, which throws otherwise.
   * Only the API is read again and again: verbs print what it has.
   */
  settledData(check: (now: Facts) => void = () => undefined): Promise<Facts> {
    return this.#settled('api', { timeoutMs: 45_000, everyMs: 200, steady: true }, async (api) => {
      const now = new Map([...api, ...(await readViews(this.place, 'verbs'))])
      check(now)
      return now
    })
  }

  #settled(
    which: Which,
    patience: { timeoutMs: number; everyMs: number; steady?: boolean },
    finish: (now: Facts) => Promise<Facts>
  ): Promise<Facts> {
    let before: Facts = new Map()
    return until(
      'the views to stay as they are',
      async () => {
        const now = await readViews(this.place, which)
        const moved = differences(before, now).filter(({ path }) => !isMoving(path))
        before = now
        if (moved.length > 0) throw new Error(printed(moved))
        return finish(now)
      },
      patience
    )
  }
}

const assignedTo = (container: string, revision: string): string =>
  JSON.stringify({ [container]: { profile: 'default/web', revision, mode: 'enforce' } })

async function makePrivileged(path: string): Promise<void> {
  const config = JSON.parse(await readFile(path, 'utf8')) as {
    linux: Record<string, unknown>
    process: { capabilities: Record<string, string[]> }
  }
  delete config.linux['maskedPaths']
  const all = ['CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_BOOT']
  for (const set of ['bounding', 'effective', 'permitted'])
    config.process.capabilities[set] = [...(config.process.capabilities[set] ?? []), ...all]
  await writeFile(path, JSON.stringify(config))
}
