import { readFile } from 'node:fs/promises'
import { machine } from 'node:os'
import { join } from 'node:path'
import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { renderLearn } from '../../src/seccomp/render/render.js'
import { runSecco } from '../helpers/secco-command.js'
import { makeApps, textOf as text, until, untilSaid } from './app.js'
import { logIn, openBrowser, picture, startSecco, violationsOf } from './rig.js'

t.setTimeout(1_500_000)
const tracing = probeTracing()
const name = 'story-app'

test('a developer: record, traffic, stop, approve, enforce, attack, denial, allow, new revision', {
  skip: tracing.available ? false : (tracing.reason ?? 'no tracing')
}, async (t) => {
  const begun = Date.now()
  const secco = await startSecco()
  t.teardown(secco.stop)
  const apps = await makeApps(secco.state)
  t.teardown(apps.clean)
  const app = apps.app(name, name)
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
  await picture(page, 'story-profiler')
  await page.getByLabel(name).check()
  await page.getByRole('button', { name: 'Start' }).click()
  await page.waitForURL(/\/profiler\/\d+$/)
  await app.signal('USR1')
  await untilSaid(page, /getpgid[^]*getsid/)
  t.same(await violationsOf(page), [], 'axe: a running trace')
  await picture(page, 'story-trace')
  const stopped = page.waitForEvent('load')
  await page.getByRole('button', { name: 'Stop' }).click()
  await stopped
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
  await picture(page, 'story-review')
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
  t.match(await text(page), /No denial is known|denied on purpose/)
  await app.signal('USR2')
  await untilSaid(page, /keyctl[^]*/)
  await untilSaid(page, /mount/)
  const seconds = Math.round((Date.now() - begun) / 1000)
  t.comment(`from secco up to an attack denied on a workload of one's own: ${seconds} s`)
  t.ok(seconds < 300, "a newcomer's five minutes")
  t.same(await violationsOf(page), [], 'axe: denials')
  await picture(page, 'story-denials')

  await page.getByRole('link', { name: /^Explain keyctl/ }).click()
  await page.waitForURL(/call=keyctl/)
  t.match(await page.locator('#call').innerText(), /keyctl[^]*denied 1 time[^]*high risk/)
  t.same(await violationsOf(page), [], 'axe: workload')
  await picture(page, 'story-workload')

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
    /decided on calls[^]*release 2 asks for it[^]*approved[^]*what its tests did/
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

const pod = (labels: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {${labels}}}\nspec: {containers: [{name: app, image: web}]}\n`

const otherRule = `apiVersion: secco.dev/v1alpha1
kind: SeccompRule
metadata: {name: other, namespace: secco-system}
spec: {podSelector: {matchLabels: {app: other}}, mode: learn}
`

test('an operator: rule, test a pod, import, approve, enforce; and who is not let in', async (t) => {
  const secco = await startSecco()
  t.teardown(secco.stop)
  const browser = await openBrowser()
  t.teardown(() => browser.close())
  const { page, complaints } = await logIn(browser, secco.link)
  const open = (path: string) => page.goto(`${secco.ui}${path}`)

  await open('/rules')
  await page.getByLabel('Name', { exact: true }).fill('web')
  await page.getByLabel('Pod labels').fill('app=web')
  const loaded = page.waitForEvent('load')
  await page.getByRole('button', { name: 'Save the rule' }).click()
  await loaded
  await untilSaid(page, /app: web/)
  await page.locator('textarea[name=document]').fill(pod('app: web'))
  await page.getByRole('button', { name: 'Test', exact: true }).click()
  await untilSaid(page, /patched[^]*app: learn[^]*secco-system\/web/)
  // A change elsewhere makes the page ask for itself again; the answer was asked for and stays.
  const asked = page.waitForResponse((one) => one.url().endsWith('/rules') && one.ok())
  await runSecco(['rule', 'apply', '--state', secco.state, '-f', '-'], { input: otherRule })
  await (await asked).finished()
  await untilSaid(page, /app: other/)
  t.match(await text(page), /patched[^]*app: learn[^]*secco-system\/web/)
  await runSecco(['rule', 'delete', 'secco-system/other', '--state', secco.state])
  await picture(page, 'rules-tested')

  // A file that somebody has already, dropped on the page; tried first, then kept.
  await open('/profiles')
  const oci = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['read', 'write', 'openat'], action: 'SCMP_ACT_ALLOW' }]
  }
  await page.locator('input[type=file]').setInputFiles({
    name: 'web.json',
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify(oci))
  })
  await page.getByLabel('Namespace', { exact: true }).fill('shop')
  await page.getByRole('button', { name: 'Preview' }).click()
  await untilSaid(page, /would make shop\/web: a profile of 3 calls/)
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await untilSaid(page, /made shop\/web/)
  await open('/profiles/shop/web')
  await page.getByLabel('Add a base').selectOption('secco-system/base')
  const added = page.waitForEvent('load')
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  await added
  await untilSaid(page, /secco-system\/base[^]*Remove/)
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'OCI JSON' }).click()
  t.equal((await download).suggestedFilename(), 'web.json')

  await open('/rules')
  await page.getByRole('link', { name: 'Change web' }).click()
  await page.waitForURL(/change=/)
  await page.getByLabel('Mode').selectOption('enforce')
  await page.getByLabel('Profile').fill('shop/web')
  await page.getByRole('button', { name: 'Save the rule' }).click()
  await untilSaid(page, /shop\/web[^]*enforce/)
  await until('the webhook to assign it', async () => {
    await open(`/rules?document=${encodeURIComponent(pod('app: web'))}`)
    return /secco\/shop\/web\/[0-9a-f]{64}\.json/.test(await text(page)) ? true : undefined
  })
  await open('/rules')
  page.on('dialog', (dialog) => void dialog.accept())
  await page.getByRole('button', { name: 'Delete web' }).click()
  await untilSaid(page, /There is no rule yet/)
  t.same(complaints, [], 'the browser complains of nothing')

  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET', body?: string) =>
    fetch(`${secco.ui}${path}`, {
      method,
      headers,
      redirect: 'manual',
      ...(body === undefined ? {} : { body })
    })
  t.equal((await fetch(secco.link)).status, 401, 'the link that was used')
  t.equal((await ask('/')).status, 401, 'nobody')
  t.equal((await ask('/api/v1/profiles')).status, 401)
  const [cookie] = await page.context().cookies()
  t.match(cookie, { httpOnly: true, sameSite: 'Strict' })
  const session = `${cookie?.name ?? ''}=${cookie?.value ?? ''}`
  const json = { cookie: session, 'content-type': 'application/json' }
  const rule = '/api/v1/rules/shop/bad'
  const spec = JSON.stringify({ spec: { mode: 'learn' } })
  t.equal(
    (await ask(rule, { ...json, origin: 'https://evil.example' }, 'PUT', spec)).status,
    403,
    'a foreign origin'
  )
  t.equal((await ask(rule, json, 'PUT', spec)).status, 403, 'no origin')
  t.equal(
    (
      await ask(
        rule,
        { cookie: session, origin: secco.ui, 'content-type': 'text/plain' },
        'PUT',
        spec
      )
    ).status,
    415
  )
  const framed = await ask('/', { cookie: session })
  t.equal(framed.headers.get('x-frame-options'), 'DENY')
  t.match(framed.headers.get('content-security-policy'), /frame-ancestors 'none'/)
  t.equal((await ask(rule, { cookie: session })).status, 404, 'nothing of it was done')

  const made = await runSecco(['ui', 'link', '--viewer', '--state', secco.state])
  t.equal(made.code, 0, made.stderr)
  const viewer = await logIn(browser, made.stdout.trim())
  await viewer.page.goto(`${secco.ui}/profiles/shop/web`)
  t.equal(await viewer.page.locator('form[data-action]').count(), 0, 'a viewer has no buttons')
  const [own] = await viewer.context.cookies()
  const theirs = {
    cookie: `${own?.name ?? ''}=${own?.value ?? ''}`,
    origin: secco.ui,
    'content-type': 'application/json'
  }
  t.equal((await ask(rule, theirs, 'PUT', spec)).status, 403, 'nor rights')
  t.equal((await ask('/api/v1/links', theirs, 'POST', '{}')).status, 403, 'nor links for others')
  const audit = await runSecco(['ui', 'audit', '--state', secco.state])
  t.match(audit.stdout, /wrote the rule\s+shop\/bad\s+rejected, 403[^]*imported/)
})
