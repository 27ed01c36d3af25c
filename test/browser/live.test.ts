import type { Page } from 'playwright-core'
import { t, test } from 'tap'
import { apiVersion } from '../../src/api/names.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import type { DenialView } from '../../webhook/views/denial-view.js'
import { noteReads } from '../helpers/noted-reads.js'
import { isNightly } from '../helpers/fuzz.js'
import { until } from '../helpers/until.js'
import { logIn } from './rig.js'
import { serve, withBrowser } from './serve.js'
import { town } from './town.js'
import { discoveryOfTown } from './town-discovery.js'

t.setTimeout(900_000)

const [sample] = town.denials()
if (sample === undefined) throw new Error('no denial')
const opened: DenialView = {
  ...sample,
  ...{ syscall: 'kexec_load', expected: false, state: 'open', count: 1 },
  at: '2026-01-01T23:00:00.000Z'
}

const rule: SeccompRule = {
  ...{ apiVersion, kind: 'SeccompRule' },
  metadata: { namespace: 'secco-system', name: 'first' },
  spec: { mode: 'learn', podSelector: { matchLabels: { app: 'first' } } }
}

const mute = {
  ...({
    method: 'POST',
    url: '/api/v1/mute',
    summary: 'mute',
    cli: 'secco denials mute'
  } as const),
  needs: { verb: 'update', resource: 'seccompprofiles' } as const,
  handle: () => ({})
}

/** Waits until the page shows these words. */
const says = (page: Page, place: string, words: RegExp) =>
  until(`${place} to say ${String(words)}`, async () =>
    words.test(await page.locator(place).innerText()) ? true : undefined
  )

test('live: a denial appears, a stopped hub is reported, and a filled form stays', async (t) => {
  const denials = [...town.denials()]
  const rig = await serve({ ...town, denials: () => [...denials] })
  let closed = false
  t.teardown(() => (closed ? undefined : rig.app.close()))
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    await page.goto(`${rig.origin}/denials`)
    await page.getByLabel('Search').fill('half a word')
    const [first] = denials
    if (first === undefined) throw new Error('no denial')
    const began = Date.now()
    denials.push({
      ...first,
      syscall: 'kexec_load',
      ...{ expected: false, state: 'open' as const },
      at: '2026-01-01T23:00:00.000Z'
    })
    await page.getByText('kexec_load').first().waitFor()
    const shownMs = Date.now() - began
    t.comment(`shown after ${shownMs} ms`)
    if (isNightly) t.ok(shownMs < 10_000)
    t.equal(await page.getByLabel('Search').inputValue(), 'half a word')
    // Fifty a second: one rendering a second, whatever comes.
    const before = process.cpuUsage()
    const from = Date.now()
    for (let round = 0; round < 40; round += 1) {
      for (let at = 0; at < 5; at += 1)
        denials.push({
          ...first,
          syscall: 'read',
          container: `c${round}-${at}`,
          count: round,
          expected: false,
          state: 'open'
        })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const used = process.cpuUsage(before)
    const share = (100 * (used.user + used.system)) / 1000 / (Date.now() - from)
    // Hub and the driver of the browser are one process here: the figure is an upper bound.
    t.comment(
      `50 denials a second, one live page: ${share.toFixed(1)} % of a core, hub and test together`
    )
    closed = true
    await rig.app.close()
    await page.getByText('The hub does not answer').waitFor()
    t.match(await page.locator('[data-live-state]').innerText(), /not connected/)
  })
})

test('live: every part of the page shows the same change', async (t) => {
  const denials: DenialView[] = []
  const rig = await serve({ ...town, denials: () => [...denials] })
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    await page.goto(`${rig.origin}/denials`)
    t.match(await page.locator('main').innerText(), /0 open lines[^]*No denial is known/)
    denials.push(opened)
    await says(page, 'main', /kexec_load/)
    const words = await page.locator('main').innerText()
    t.match(words, /1 open line, 1 call/, 'the facts under the title')
    t.notMatch(words, /No denial is known/)
    t.match(words, /1 line\b/, 'the number of lines')
    t.match(await page.locator('.nav').innerText(), /Denials\s+1/)
    // A person who is somewhere stays there: the focus is on the same link afterwards.
    await page.getByRole('link', { name: /^Explain kexec_load/ }).focus()
    denials.push({ ...opened, container: 'other', count: 6 })
    await says(page, 'tbody', /\b7\b/)
    t.match(await page.evaluate('document.activeElement.textContent'), /^Explain kexec_load/)
    await page.getByRole('button', { name: 'Pause' }).click()
    denials.push({ ...opened, syscall: 'reboot' })
    await until('the pause', async () =>
      (await page.locator('[data-live-state]').innerText()) === 'paused' ? true : undefined
    )
    await page.getByRole('button', { name: 'Go on' }).click()
    await says(page, 'tbody', /reboot/)
    t.equal(await page.locator('[data-live-state]').innerText(), 'live')
    t.equal(await page.locator('[data-pause]').innerText(), 'Pause')
  })
})

test('live: typed text, open details and focus survive, wherever the focus is', async (t) => {
  const denials: DenialView[] = [opened]
  const rig = await serve({ ...town, objects: [], denials: () => denials, foreign: [mute] })
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page, complaints } = await logIn(browser, rig.link())

    // In a row that is added again: the reason, and that the form is open.
    await page.goto(`${rig.origin}/denials`)
    await page.locator('tbody summary').click()
    const why = page.locator('tbody').getByLabel('Why')
    await why.fill('its agent tries it')
    const button = page.locator('tbody').getByRole('button', { name: /^Mute/ })
    await button.focus()
    denials.push({ ...opened, container: 'other', count: 41 })
    await says(page, 'tbody', /\b42\b/)
    t.equal(await why.inputValue(), 'its agent tries it')
    t.ok(await why.isVisible(), 'what was open is open')
    t.match(await page.evaluate('document.activeElement.textContent'), /^Mute/)
    // Where an action of another form reloads the page.
    denials.push({ ...opened, syscall: 'swapon' })
    const other = page.locator('tbody tr', { hasText: 'swapon' })
    await other.locator('summary').click()
    await other.getByLabel('Why').fill('nobody needs it')
    const loaded = page.waitForEvent('load')
    await other.getByLabel('Why').press('Enter')
    await loaded
    const same = page.locator('tbody tr', { hasText: 'kexec_load' }).getByLabel('Why')
    await until('what was typed', async () =>
      (await same.inputValue()) === 'its agent tries it' ? true : undefined
    )
    t.ok(await same.isVisible())
    t.equal(await other.getByLabel('Why').inputValue(), '', 'what was sent is done')

    // In a row that goes: it stays as long as somebody is at work in it.
    await page.getByRole('button', { name: 'Pause' }).focus()
    denials.splice(0, denials.length, { ...opened, syscall: 'reboot' })
    await says(page, 'tbody', /reboot/)
    const gone = page.locator('tbody tr', { hasText: 'kexec_load' })
    t.equal(await gone.getByLabel('Why').inputValue(), 'its agent tries it')

    // Where the whole page is replaced: the first rule makes a table of "no rule yet".
    await page.goto(`${rig.origin}/rules`)
    await says(page, 'main', /There is no rule yet/)
    const pod = page.locator('textarea[name=document]')
    await pod.fill('kind: Pod # half of it')
    await page.getByLabel('Name', { exact: true }).fill('mine')
    await page.getByLabel('Pod labels').fill('app=mine, canary')
    await page.getByLabel('Namespaces').fill('shop, bank, team=web')
    await page.getByLabel('Mode').selectOption('audit')
    await page.getByLabel('Profile', { exact: true }).fill('web')
    await page.getByLabel('Priority').fill('7')
    await page.getByRole('button', { name: 'Save the rule' }).focus()
    await rig.ui.store.apply('SeccompRule', rule)
    rig.changed()
    await says(page, 'main', /app: first/)
    t.equal(await pod.inputValue(), 'kind: Pod # half of it')
    t.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'mine')
    t.equal(await page.getByLabel('Pod labels').inputValue(), 'app=mine, canary')
    t.equal(await page.getByLabel('Mode').inputValue(), 'audit')
    t.equal(await page.evaluate('document.activeElement.textContent'), 'Save the rule')
    // And its forms still do what they did.
    await page.keyboard.press('Enter')
    await says(page, 'main', /app: mine[^]*audit/)
    t.match(await rig.ui.store.get('SeccompRule', { namespace: 'secco-system', name: 'mine' }), {
      spec: {
        ...{ mode: 'audit', priority: 7, profile: { name: 'web' } },
        podSelector: {
          matchLabels: { app: 'mine' },
          matchExpressions: [{ key: 'canary', operator: 'Exists' }]
        },
        // A lone word is the name of a namespace, never a selector that takes all of them.
        namespaceSelector: {
          matchLabels: { team: 'web' },
          matchExpressions: [
            { key: 'kubernetes.io/metadata.name', operator: 'In', values: ['shop', 'bank'] }
          ]
        }
      }
    })

    // When the session is over: who typed nothing sees the log-in, who typed keeps it.
    const second = await page.context().newPage()
    await second.goto(`${rig.origin}/rules`)
    await page.getByLabel('Name', { exact: true }).fill('unsaved')
    rig.pass(13 * 3_600_000)
    rig.changed()
    await page.getByText('Your session is over. Log in in another tab').waitFor()
    t.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'unsaved')
    await second.bringToFront()
    await second.getByText('Your session is over.').waitFor()
    t.same(
      complaints.filter((each) => !/40[14]/.test(each)),
      []
    )
  })
})

test('live: counts of calls go on, wherever the focus is', async (t) => {
  const discovery = discoveryOfTown()
  const rig = await serve({ ...town, discovery })
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    await page.goto(`${rig.origin}/workloads/shop/checkout.app`)
    const cell = page.locator('#grid a.c[data-call="read"]')
    // It has the focus then, and the panel beside the grid shows the same number.
    await cell.click()
    await says(page, '[data-live="call"]', /observed at least \d/)
    const focused = 'document.activeElement.dataset.call'
    for (const trillions of [5, 6]) {
      noteReads(discovery, trillions * 1e12)
      const words = new RegExp(`observed at least ${trillions}\\d{12} times`)
      await says(page, '[data-live="call"]', words)
      await until('the grid', async () =>
        words.test((await cell.textContent()) ?? '') ? true : undefined
      )
      t.equal(await page.evaluate(focused), 'read')
    }
  })
})

test('live: a new row above keeps caret, selected text and scroll position', async (t) => {
  const denials: DenialView[] = [opened]
  const rig = await serve({ ...town, objects: [], denials: () => denials, foreign: [mute] })
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    await page.setViewportSize({ width: 800, height: 600 })
    await page.goto(`${rig.origin}/denials`)
    await page.locator('tbody summary').click()
    const row = page.locator('tbody tr', { hasText: 'kexec_load' })
    const why = row.getByLabel('Why')
    await why.fill('its agent tries it')
    const own = { ...opened, syscall: 'swapon', at: '2026-01-01T23:30:00.000Z' }
    const state = () =>
      page.evaluate(`(() => {
        const { name, value, selectionStart, selectionEnd } = document.activeElement
        return [name, value, selectionStart, selectionEnd, document.querySelector('.scroll').scrollLeft]
      })()`)
    await page.evaluate(`(() => {
      document.activeElement.setSelectionRange(4, 9)
      document.querySelector('.scroll').scrollLeft = 60
    })()`)
    const before = await state()
    t.same(before, ['reason', 'its agent tries it', 4, 9, 60])
    denials.push(own)
    await says(page, 'tbody', /swapon[^]*kexec_load/)
    t.same(await state(), before, 'the caret is in the same field, and nothing scrolled')

    const words = `(() => {
      const rows = [...document.querySelectorAll('tbody tr')]
      const row = rows.find((one) => one.textContent.includes('kexec_load'))
      const range = document.createRange()
      range.selectNodeContents(row.querySelector('.mono'))
      getSelection().removeAllRanges()
      getSelection().addRange(range)
    })()`
    await page.evaluate(words)
    const selected = await page.evaluate('String(getSelection())')
    denials.push({ ...own, syscall: 'reboot', at: '2026-01-01T23:40:00.000Z' })
    await says(page, 'tbody', /reboot[^]*kexec_load/)
    t.equal(await page.evaluate('String(getSelection())'), selected, 'the selected text')
    t.equal(await why.inputValue(), 'its agent tries it')
  })
})
