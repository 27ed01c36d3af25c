import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { machine, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import {
  removeContainer,
  type RuncContainer,
  signalContainer,
  startContainer
} from '../../src/cli/walk-through/container.js'
import { renderLearn } from '../../src/seccomp/render.js'
import { repositoryRoot } from '../helpers/repository.js'
import { makeBundle } from '../helpers/runc-bundle.js'
import { runSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'
import { logIn, openBrowser, picture, startSecco, violationsOf } from './rig.js'

t.setTimeout(240_000)
const run = promisify(execFile)
const tracing = probeTracing()
const name = 'story-app'

interface App extends RuncContainer {
  start: (seccomp: LinuxSeccomp) => Promise<void>
  signal: (signal: string) => Promise<void>
  stop: () => Promise<void>
}

/** A container of our own, under the runtime root that `secco up` watches. */
async function makeApp(state: string): Promise<App & { clean: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-story-'))
  const rootfs = join(folder, 'rootfs')
  for (const each of ['proc', 'dev', 'sys', 'tmp', 'etc'])
    await mkdir(join(rootfs, each), { recursive: true })
  await run('gcc', [
    '-O1',
    '-static',
    '-o',
    join(rootfs, 'app'),
    join(repositoryRoot, 'test/browser/app.c')
  ])
  const container = { id: name, root: join(state, 'runc') }
  const bundles: string[] = []
  return {
    ...container,
    start: async (seccomp) => {
      const bundle = await makeBundle(rootfs, {
        args: ['/app'],
        seccomp,
        annotations: { 'secco.dev/profile': `default/${name}` }
      })
      bundles.push(bundle)
      await startContainer(container, bundle)
    },
    signal: (signal) => signalContainer(container, signal),
    stop: () => removeContainer(container, 'TERM'),
    clean: async () => {
      await removeContainer(container, 'KILL')
      for (const each of [folder, ...bundles]) await rm(each, { recursive: true, force: true })
    }
  }
}

const text = (page: Page) => page.locator('main').innerText()

/** What the page says in the end: it follows the server by itself. */
async function untilSaid(page: Page, words: RegExp): Promise<void> {
  await until(`${page.url()} to say ${String(words)}`, async () =>
    words.test(await text(page)) ? true : undefined
  )
}

test('a developer: record, traffic, stop, approve, enforce, attack, denial, allow, new revision', {
  skip: tracing.available ? false : (tracing.reason ?? 'no tracing')
}, async (t) => {
  const secco = await startSecco()
  t.teardown(secco.stop)
  const app = await makeApp(secco.state)
  t.teardown(app.clean)
  const browser = await openBrowser()
  t.teardown(() => browser.close())
  const { page, complaints } = await logIn(browser, secco.link)
  const open = (path: string) => page.goto(`${secco.ui}${path}`)

  await app.start(renderLearn(machine()).seccomp)
  await open('/profiler')
  await until('the container to be listed', async () => {
    await page.reload()
    return (await page.getByLabel(name).count()) > 0 ? true : undefined
  })
  t.same(await violationsOf(page), [], 'axe: profiler')
  await picture(page, 'profiler')
  await page.getByLabel(name).check()
  await page.getByRole('button', { name: 'Start' }).click()
  await page.waitForURL(/\/profiler\/\d+$/)
  await app.signal('USR1')
  await untilSaid(page, /getpgid[^]*getsid/)
  t.same(await violationsOf(page), [], 'axe: a running trace')
  await picture(page, 'trace')
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByRole('button', { name: 'Make a profile and review it' }).click()
  await page.waitForURL(/\/review\/default\/story-app/)

  // What satellites upload comes by itself; the review shows it when it is asked for.
  await until('getpgid among the changes', async () => {
    await page.reload()
    return (await page.getByRole('checkbox', { name: 'Include getpgid' }).count()) > 0
      ? true
      : undefined
  })
  t.same(await violationsOf(page), [], 'axe: review')
  await picture(page, 'review')
  await page.locator('#why').fill('what its tests did')
  await page.getByRole('button', { name: /^Approve/ }).click()
  await untilSaid(page, /On all nodes[^]{0,20}1 of 1/)
  const revisionOf = async () => {
    const { stdout } = await runSecco([
      'profile',
      'show',
      name,
      '-o',
      'json',
      '--state',
      secco.state
    ])
    return JSON.parse(stdout) as {
      status?: {
        revision?: string
        nodes?: { ready: number; total: number }
        approvals?: { by: string; reason?: string }[]
      }
    }
  }
  const first = await until('the revision on the node', async () => {
    const { status } = await revisionOf()
    return status?.nodes?.ready === 1 && status.nodes.total === 1 ? status : undefined
  })
  t.match(first.approvals, [{ reason: 'what its tests did' }])

  await app.stop()
  const path = join(
    secco.state,
    'seccomp',
    'secco',
    'default',
    name,
    `${first.revision?.replace('sha256:', '') ?? ''}.json`
  )
  await app.start(JSON.parse(await readFile(path, 'utf8')) as LinuxSeccomp)
  await open('/denials')
  t.match(await text(page), /Nothing was refused|refused on purpose/)
  await app.signal('USR2')
  await untilSaid(page, /keyctl[^]*/)
  await untilSaid(page, /mount/)
  t.same(await violationsOf(page), [], 'axe: denials')
  await picture(page, 'denials')

  await page.getByRole('link', { name: /^Explain keyctl/ }).click()
  await page.waitForURL(/call=keyctl/)
  t.match(await page.locator('#call').innerText(), /keyctl[^]*refused 1 time[^]*high risk/)
  t.same(await violationsOf(page), [], 'axe: workload')
  await picture(page, 'workload')

  // The next release: one call more, allowed by a click in the grid.
  await page.locator('[data-grid-filter]').fill('getpriority')
  await page.locator('#grid a.c[data-call=getpriority]').click()
  await until('the panel', async () =>
    (await page.locator('#call-name').innerText()) === 'getpriority' ? true : undefined
  )
  await page.locator('#call-why').fill('release 2 asks for it')
  await page.getByRole('button', { name: 'Allow getpriority' }).click()
  const second = await until('the next revision', async () => {
    const { status } = await revisionOf()
    return status?.revision !== first.revision && status?.nodes?.ready === 1 ? status : undefined
  })
  t.match(second.approvals?.at(-1), { reason: 'release 2 asks for it' })
  await open('/audit')
  t.match(
    await text(page),
    /decideCalls[^]*release 2 asks for it[^]*approveProfile[^]*what its tests did/
  )

  const gate = await runSecco([
    'learn',
    name,
    '--state',
    secco.state,
    '--quiet',
    '1s',
    '--timeout',
    '20s',
    '-o',
    'json',
    '--',
    'true'
  ])
  t.equal(gate.code, 0, gate.stderr)
  const observed = (JSON.parse(gate.stdout) as { observed: { x86_64?: string[] } }).observed
  t.ok(observed.x86_64?.includes('getpgid'), 'the answer is a baseline')
  t.same(complaints, [], 'the browser complains of nothing')
})
