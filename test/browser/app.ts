import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import {
  containerState,
  removeContainer,
  type RuncContainer,
  signalContainer,
  startContainer
} from '../../cli/walk-through/container.js'
import { repositoryRoot } from '../helpers/repository.js'
import { markedName } from '../helpers/test-run.js'
import { makeBundle, run } from '../helpers/runc-bundle.js'
import { until as untilWithin } from '../helpers/until.js'

/** A browser, a hub, a satellite and a container share the machine with whatever else is tested. */
export const until = <Answer>(what: string, probe: () => Promise<Answer | undefined>) =>
  untilWithin(what, probe, { timeoutMs: 90_000, everyMs: 50 })

export const textOf = (page: Page) => page.locator('main').innerText()

/** What the page says in the end: it follows the server by itself. */
export async function untilSaid(page: Page, words: RegExp): Promise<void> {
  let said = ''
  const heard = async () => {
    said = await textOf(page)
    return words.test(said) ? true : undefined
  }
  await until(`${page.url()} to say ${String(words)}`, heard).catch((error: unknown) => {
    throw new Error(`${String(error)}; it says: ${said.slice(0, 4000)}`)
  })
}

/** A container of the application of test/browser/app.c. */
export interface App extends RuncContainer {
  /** Under a filter, or without any. */
  start: (seccomp: LinuxSeccomp | undefined) => Promise<void>
  signal: (signal: string) => Promise<void>
  stop: () => Promise<unknown>
  /** What the kernel says: 0 without a filter, 2 under one (proc(5), Seccomp). */
  kernelMode: () => Promise<string>
}

export interface Apps {
  /** One more container, which learns into `default/PROFILE`. */
  app: (id: string, profile: string) => App
  /** What the kernel says of each that runs, by the id of its container. */
  kernelModes: () => Promise<Record<string, string>>
  clean: () => Promise<void>
}

/** Containers of our own, under the runtime root that `secco up` watches. */
export async function makeApps(state: string): Promise<Apps> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-story-'))
  const rootfs = join(folder, 'rootfs')
  for (const each of ['proc', 'dev', 'sys', 'tmp', 'etc'])
    await mkdir(join(rootfs, each), { recursive: true })
  const source = join(repositoryRoot, 'test/browser/app.c')
  await run('gcc', ['-O1', '-static', '-o', join(rootfs, 'app'), source])
  const bundles: string[] = []
  const made: App[] = []
  const app = (id: string, profile: string): App => {
    const container = { id, root: join(state, 'runc') }
    const one: App = {
      ...container,
      start: async (seccomp) => {
        const bundle = await makeBundle(rootfs, {
          ...{ args: ['/app'], seccomp: seccomp ?? 'none', cgroup: `/${markedName(id)}` },
          annotations: { 'secco.dev/profile': `default/${profile}` }
        })
        bundles.push(bundle)
        await startContainer(container, bundle)
      },
      signal: (signal) => signalContainer(container, signal),
      stop: () => removeContainer(container, 'TERM'),
      kernelMode: async () => {
        const { pid = 0 } = (await containerState(container)) ?? {}
        return /^Seccomp:\s*(\d)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
      }
    }
    made.push(one)
    return one
  }
  return {
    app,
    kernelModes: async () => {
      const modes: Record<string, string> = {}
      for (const one of made) {
        const runs = (await containerState(one))?.status === 'running'
        if (runs) modes[one.id] = await one.kernelMode()
      }
      return modes
    },
    clean: async () => {
      for (const one of made) await removeContainer(one, 'KILL')
      for (const each of [folder, ...bundles]) await rm(each, { recursive: true, force: true })
    }
  }
}
