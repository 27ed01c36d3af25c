import type { Page } from 'playwright-core'
import { t, test } from 'tap'
import { until } from '../helpers/until.js'
import { logIn } from './rig.js'
import { serve, withBrowser } from './serve.js'
import { town } from './town.js'

t.setTimeout(300_000)

const ref = { namespace: 'shop', name: 'checkout.app' }

/** Waits until the page shows these words. */
const says = (page: Page, place: string, words: RegExp) =>
  until(`${place} to say ${String(words)}`, async () =>
    words.test(await page.locator(place).innerText()) ? true : undefined
  )

test('an open page: how long nothing new came goes on without any change of the hub', async (t) => {
  const rig = await serve(town)
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    await page.clock.install()
    await page.goto(`${rig.origin}/workloads/shop/checkout.app`)
    const quiet = async () =>
      /nothing new for (\d+)/.exec(await page.locator('[data-live="evidence"]').innerText())?.[1]
    const before = Number(await quiet())
    t.ok(before > 0)
    rig.pass(3 * 3_600_000)
    await page.clock.fastForward(16_000)
    await until('the evidence', async () => (Number(await quiet()) !== before ? true : undefined))
  })
})

test('an open review and the page of a profile: a delivery shows by itself', async (t) => {
  const rig = await serve(town)
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    for (const [path, place] of [
      ['review', '[data-live="approved"]'],
      ['profiles', '[data-live="revision"]']
    ] as const) {
      const revision = (digest: string) =>
        rig.ui.store.update('SeccompProfile', ref, (profile) => ({
          ...profile,
          status: { ...profile.status, revision: digest }
        }))
      await revision(`sha256:${'0'.repeat(64)}`)
      await page.goto(`${rig.origin}/${path}/shop/checkout.app`)
      await says(page, place, /not delivered yet/)
      const digest = await page.locator(`${place} .digest`).getAttribute('title')
      await revision(digest ?? '')
      await says(page, place, /^(?!.*not delivered yet)/)
    }
  })
})
