import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { t, test } from 'tap'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { Rights } from '../../webhook/access/rights.js'
import { pages } from '../../webhook/ui/pages/registry.js'
import { hostile, node, startUiRig, type UiRig } from '../webhook/ui/rig.js'
import { until } from '../helpers/until.js'
import { logIn, picture, pictures, violationsOf } from './rig.js'
import { serve, withBrowser } from './serve.js'
import { addressesOf } from './addresses.js'
import { city, cityKey } from './city.js'
import { town } from './town.js'

t.setTimeout(900_000)

const key = 'shop/checkout.app'
const addresses = addressesOf(key)

/** Whether an address is one of the page whose path, in Fastify's form, is given. */
const fits = (path: string, address: string) =>
  new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`).test(address)

const widthOf = (page: Page) => page.evaluate<number>('document.documentElement.scrollWidth')

/** Tables that are wider than their panel on a usual screen. */
const cutTables = (page: Page) =>
  page.evaluate<string[]>(
    `[...document.querySelectorAll('.scroll')]
      .filter((one) => one.scrollWidth > one.clientWidth + 1)
      .map((one) => one.getAttribute('aria-label'))`
  )

/** Tables as cards that are wider than their place: what is beyond is not seen on a phone. */
const cutOff = (page: Page) =>
  page.evaluate<string[]>(
    `[...document.querySelectorAll('.scroll:has(> table.cards)')]
      .filter((one) => innerWidth <= 640 && one.scrollWidth > one.clientWidth)
      .map((one) => one.getAttribute('aria-label'))`
  )

test('every page: seen in light and dark, axe finds nothing, no page scrolls sideways from 320 px on', async (t) => {
  const rig = await serve(town)
  t.teardown(() => rig.app.close())
  const listed = Object.values(addresses).map((path) => path.replace(/\?.*/, ''))
  t.same(
    pages.map(({ path }) => path).filter((path) => !listed.some((each) => fits(path, each))),
    [],
    'test/browser/addresses.ts has an address of every page'
  )
  await withBrowser(async (browser) => {
    const { page, complaints } = await logIn(browser, rig.link())
    for (const [name, path] of Object.entries(addresses)) {
      await page.setViewportSize({ width: 1400, height: 1000 })
      await page.goto(`${rig.origin}${path}`)
      await picture(page, name)
      t.same(await violationsOf(page), [], `axe: ${name}`)
      await page.emulateMedia({ colorScheme: 'dark' })
      t.same(await violationsOf(page), [], `axe: ${name}, dark`)
      await page.emulateMedia({ colorScheme: 'light' })
      await page.setViewportSize({ width: 1280, height: 900 })
      t.same(await cutTables(page), [], `${name} at 1280 px: no table is cut`)
      for (const width of [768, 400, 320]) {
        await page.setViewportSize({ width, height: 800 })
        t.equal(await widthOf(page), width, `${name} at ${width} px`)
        t.same(await cutOff(page), [], `${name} at ${width} px: no card is cut off`)
      }
      await page.screenshot({ path: join(pictures, `${name}-320.png`), fullPage: true })
    }
    t.same(
      complaints.filter((each) => !each.includes('404')),
      [],
      'the browser complains of nothing'
    )
  })
})

test('a name as long as an id fits on a phone', async (t) => {
  const name = 'c0c47dae1f69b418'.repeat(4)
  const [sample] = town.objects.filter(({ kind }) => kind === 'SeccompProfile')
  if (sample === undefined) throw new Error('no sample')
  const metadata = { namespace: 'default', name }
  const spec = { ...sample.spec, workload: { kind: 'Container', name } }
  const rig = await serve({
    ...town,
    objects: [...town.objects, { ...sample, metadata, spec } as SeccompProfile]
  })
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    await page.setViewportSize({ width: 320, height: 800 })
    for (const [what, path] of Object.entries(addressesOf(`default/${name}`))) {
      await page.goto(`${rig.origin}${path}`)
      t.equal(await widthOf(page), 320, what)
    }
    const longest = 'nothing needs you; 1,234 stay unconfined'
    await page.evaluate(`document.querySelector('.needs').textContent = '${longest}'`)
    t.equal(await widthOf(page), 320, longest)
  })
})

test('what a check found does not cover what it checks on a phone', async (t) => {
  const losses = { ...node.losses, unidentified: 25, unknownSyscalls: 10 }
  const rig = await serve({ ...town, nodes: () => [{ ...node, losses }] })
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    for (const width of [390, 320]) {
      await page.setViewportSize({ width, height: 800 })
      await page.goto(`${rig.origin}/doctor`)
      const covered = `[...document.querySelectorAll('.checks li > .strong')]
        .filter((one) => one.scrollWidth > one.clientWidth)
        .map((one) => one.textContent)`
      t.same(await page.evaluate<string[]>(covered), [], `${width} px`)
    }
  })
})

test('a phone shows which page it is on among the pages', async (t) => {
  const rig = await serve(town)
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    await page.setViewportSize({ width: 390, height: 800 })
    for (const path of ['/', '/profiles', '/audit', '/doctor']) {
      await page.goto(`${rig.origin}${path}`)
      const place = await page.locator('.nav [aria-current]').boundingBox()
      t.ok(place !== null && place.x >= 0 && place.x + place.width <= 390, path)
    }
  })
})

test('a usual screen shows every entry of the navigation, and the whole of what it leaves out', async (t) => {
  const rig = await serve(town)
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    const longest = 'nothing needs you; 1,234 stay unconfined'
    const read = () =>
      page.evaluate<{ hidden: number; needs: string; beyond: number; high: number }>(`(() => {
        for (const count of document.querySelectorAll('.nav .count')) count.textContent = '1,234'
        const needs = document.querySelector('.needs')
        needs.innerHTML = '<svg class="i"></svg>${longest}'
        needs.className = 'needs none'
        document.querySelector('.who').textContent = 'secco-system of production · anna@example.com'
        const nav = document.querySelector('.nav')
        return {
          hidden: Math.max(0, nav.scrollWidth - nav.clientWidth),
          needs: needs.innerText,
          beyond: Math.max(0, needs.scrollWidth - needs.clientWidth, needs.scrollHeight - needs.clientHeight - 2),
          high: document.querySelector('.top').offsetHeight
        }
      })()`)
    for (const width of [901, 1024, 1280, 1440, 1920]) {
      await page.setViewportSize({ width, height: 900 })
      await page.goto(`${rig.origin}/doctor`)
      t.ok((await page.locator('.nav .count').count()) >= 2, 'entries have counts')
      const { high, needs, ...rest } = await read()
      t.equal(await widthOf(page), width, `${width} px: nothing scrolls sideways`)
      t.same([needs, rest.beyond], [longest, 0], `${width} px: the line is whole`)
      if (width < 1280) continue
      t.equal(rest.hidden, 0, `${width} px: no entry is hidden`)
      t.ok(high <= 64, `${width} px: ${high} px high, and pages scroll to 64 px below the top`)
    }
  })
})

test('states: nothing there yet, not permitted, not found, who are you, no hub', async (t) => {
  const nobody: Rights = { kind: 'cluster', ofToken: () => Promise.resolve(undefined) }
  const none = { objects: [], nodes: () => [], denials: () => [], problems: () => [] }
  const empty = await serve({ ...none, inventory: () => [] })
  const cluster = await serve({ ...none, rights: nobody })
  let closed = false
  t.teardown(async () => {
    if (!closed) await empty.app.close()
    await cluster.app.close()
  })
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, empty.link())
    const see = async (name: string, words: RegExp) => {
      t.match(await page.locator('body').innerText(), words, name)
      await picture(page, `state-${name}`)
      t.same(await violationsOf(page), [], `axe: ${name}`)
      await page.setViewportSize({ width: 320, height: 800 })
      t.equal(await widthOf(page), 320, `${name} at 320 px`)
      await page.setViewportSize({ width: 1400, height: 1000 })
    }
    for (const [name, path] of Object.entries(addresses)) {
      if (path.includes(key) || name === 'trace') continue
      await page.goto(`${empty.origin}${path}`)
      await see(`empty-${name}`, /secco /)
    }
    await page.goto(`${empty.origin}/workloads/shop/absent`)
    await see('not-found', /Not found[^]*no workload is learned as shop\/absent/)

    const viewer = await logIn(browser, empty.link('viewer'))
    await viewer.page.goto(`${empty.origin}/profiler`)
    t.notMatch(await viewer.page.locator('main').innerText(), /Start\b/)
    // Who holds a session, but may see nothing of this cluster.
    const elsewhere = { user: 'anna', can: () => Promise.resolve(false) }
    await page.goto(`${empty.origin}/login/${empty.ui.sessions.link(elsewhere)}`)
    await page.waitForURL(`${empty.origin}/`)
    await see('not-permitted', /Not permitted[^]*anna may not list/)

    await page.goto(`${cluster.origin}/login`)
    await see('login-cluster', /Your own token of the cluster/)
    await page.getByLabel('Your own token').fill('not one')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('this token is not known here').waitFor()
    t.notMatch(await page.locator('body').innerText(), /session is over/)
    await page.goto(`${empty.origin}/login`)
    await see('login', /secco ui link/)

    await page.goto(empty.link())
    await page.waitForURL(`${empty.origin}/`)
    closed = true
    await empty.app.close()
    await page.getByText('The hub does not answer').waitFor()
    await see('unreachable', /The hub does not answer/)
  })
})

test('on paper: what an auditor reads is all there, and nothing to press', async (t) => {
  const rig = await serve(town)
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    await page.goto(`${rig.origin}/profiles/${key}`)
    const because = page.locator('table', { hasText: 'Because' })
    t.notOk(await because.isVisible(), 'folded on the screen')
    await page.emulateMedia({ media: 'print' })
    t.ok(await because.isVisible(), 'why each call is as it is')
    t.equal(
      await page.locator('button:visible, input:visible, form:visible, nav:visible').count(),
      0
    )
    const words = await page.locator('main').innerText()
    for (const each of [
      /checkout\.app/,
      /ops-oncall[^]*a week of staging/,
      /Risk \d+/,
      /kind: SeccompProfile/
    ])
      t.match(words, each)
    const paper = await page.pdf({ path: join(pictures, 'profile.pdf'), format: 'A4' })
    t.ok(paper.subarray(0, 5).equals(Buffer.from('%PDF-')))
  })
})

test('from the keyboard: skip link, navigation, the grid with one stop, arrows and Enter', async (t) => {
  const rig = await serve(town)
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    await page.goto(`${rig.origin}/workloads/${key}`)
    const focused = () => page.evaluate('document.activeElement.textContent.trim().slice(0, 40)')
    await page.keyboard.press('Tab')
    t.equal(await focused(), 'Skip to content')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    t.not(await focused(), 'Secco', 'past the header')
    t.equal(await page.locator('#grid a.c[tabindex="0"]').count(), 1, 'one tab stop')
    await page.locator('#grid a.c[tabindex="0"]').focus()
    const call = () => page.evaluate('document.activeElement.dataset.call')
    const first = await call()
    await page.keyboard.press('ArrowRight')
    t.not(await call(), first)
    await page.keyboard.press('ArrowDown')
    const chosen = await call()
    await page.keyboard.press('Enter')
    await until('the panel', async () =>
      (await page.locator('#call-name').innerText()) === chosen ? true : undefined
    )
    t.equal(await call(), chosen, 'focus stays in the grid')
    await page.keyboard.press('End')
    await page.keyboard.press('Home')
    t.equal(await call(), first)
    // Everything that can be clicked can be reached.
    const lost = await page.evaluate(
      `[...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
        .filter((one) => one.offsetParent !== null && one.tabIndex < 0 && !one.matches('#grid a.c')).length`
    )
    t.equal(lost, 0)
  })
})

test('without JavaScript every page reads, and filters and squares work', async (t) => {
  const rig = await serve(town)
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link(), { javaScriptEnabled: false })
    for (const [name, path] of Object.entries(addresses)) {
      await page.goto(`${rig.origin}${path}`)
      t.match(await page.locator('main').innerText(), /JavaScript is off[^]{200}/, name)
    }
    await page.goto(`${rig.origin}/workloads?q=redis`)
    t.equal(await page.locator('tbody tr').count(), 1)
    await page.goto(`${rig.origin}/workloads/${key}`)
    await page.locator('#grid a.c[data-call=read]').click()
    t.match(page.url(), /call=read/)
    t.match(await page.locator('#call').innerText(), /^read/)
    await page.goto(`${rig.origin}/rules`)
    await page.getByRole('button', { name: 'Test' }).click()
    t.match(await page.locator('main').innerText(), /patched[^]*shop\/checkout/)
    for (const [name, path] of Object.entries(addresses)) {
      await page.goto(`${rig.origin}${path}`)
      const shown = page.locator('form[method=post], button[type=button]').filter({ visible: true })
      t.equal(await shown.count(), 0, `${name}: nothing is shown that needs a script`)
    }
  })
})

test('hostile names are text wherever they stand', async (t) => {
  const item = town.inventory()[0]
  const rig = await serve({
    inventory: () =>
      item === undefined
        ? []
        : [
            {
              ...item,
              profile: 'shop/checkout.app',
              learned: 'shop/checkout.app',
              name: hostile,
              pod: hostile,
              workload: hostile,
              why: hostile,
              drift: [{ kind: hostile, message: hostile, since: '' }]
            }
          ]
  })
  t.teardown(() => rig.app.close())
  await rig.send('POST', `/api/v1/profiles/${key}/approve`, { reason: hostile, allow: ['read'] })
  await withBrowser(async (browser) => {
    const { page, complaints } = await logIn(browser, rig.link())
    let dialogs = 0
    page.on('dialog', (dialog) => {
      dialogs += 1
      void dialog.dismiss()
    })
    for (const path of Object.values(addresses)) {
      await page.goto(`${rig.origin}${path}`)
      const wrong = await page.evaluate(
        `[...document.scripts].filter((one) => !one.src.includes('/assets/')).length
          + document.querySelectorAll('[href^="javascript:" i], [src^="javascript:" i], [onclick], [onerror], [onload]').length`
      )
      t.equal(wrong, 0, path)
    }
    t.equal(dialogs, 0)
    t.same(
      complaints.filter((each) => !each.includes('404')),
      []
    )
  })
})

test('light with 1,000 workloads and 100,000 containers: what the server does, and what is sent', async (t) => {
  const rigs = { city: await startUiRig(city()), town: await startUiRig(town) }
  t.teardown(async () => {
    await rigs.city.app.close()
    await rigs.town.app.close()
  })
  const cpuOf = async (rig: UiRig, path: string): Promise<number> => {
    const headers = { host: 'localhost', cookie: rig.cookie('admin') }
    const once = () => rig.app.inject({ url: path, headers })
    await once()
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < 7; round += 1) {
      // What was worked out for the page before is too old.
      rig.pass(2000)
      const before = process.cpuUsage()
      await once()
      const { user, system } = process.cpuUsage(before)
      best = Math.min(best, (user + system) / 1000)
    }
    return best
  }
  const [big, small] = [addressesOf(cityKey, 'read'), addresses]
  // The town's heaviest page says how fast this machine is now; absolute figures are in BENCHMARKS.md.
  const scaleNow = () => cpuOf(rigs.town, small['workload'] ?? '/')
  for (const [name, path] of Object.entries(big)) {
    const { body } = await rigs.city.get(path)
    const weight = gzipSync(body).length
    t.ok(weight < 120 * 1024, `${name}: ${Math.round(weight / 1024)} KB compressed`)
    const first = await scaleNow()
    const cpu = await cpuOf(rigs.city, path)
    const scale = Math.max(first, await scaleNow())
    t.ok(
      cpu <= 3 * scale,
      `${name}: ${cpu.toFixed(1)} ms of the server, ${scale.toFixed(1)} for a workload of a town`
    )
  }
})
