import type { Page } from 'playwright-core'
import { t, test } from 'tap'
import { until } from '../helpers/until.js'
import { logIn, picture } from './rig.js'
import { serve, withBrowser } from './serve.js'
import { town } from './town.js'

t.setTimeout(900_000)
const waitMs = 20_000

const route = (url: string) => ({
  ...({ method: 'POST', url, summary: 'a step', cli: 'secco promote' } as const),
  needs: { verb: 'list', resource: 'containers' } as const,
  handle: () => ({})
})

/** Waits until the command beside a form is this. */
async function says(page: Page, of: string, expected: RegExp): Promise<void> {
  const read = async () => (await page.locator(`[data-of=${of}] pre`).textContent()) ?? ''
  await until(`${of}: ${expected}`, async () => expected.test(await read()) || undefined, {
    timeoutMs: waitMs
  })
}

test('a command beside a form follows what is entered there', async (t) => {
  const foreign = ['/api/v1/promote', '/api/v1/rollback', '/api/v1/block'].map(route)
  const rig = await serve({ ...town, foreign })
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page, complaints } = await logIn(browser, rig.link())
    await page.goto(`${rig.origin}/review/shop/checkout.app`)
    await says(
      page,
      'approve',
      /profile call shop\/checkout\.app --allow fdatasync,unlink --reason WHY$/
    )
    await page.locator('input[type=checkbox][value=io_uring_setup]').check()
    await says(page, 'approve', / profile approve \S+ --reason WHY$/)
    await page.locator('#why').fill('seen in the test')
    await says(page, 'approve', / --reason 'seen in the test'$/)
    await says(page, 'promote', / promote shop\/checkout\.app \S+ .*--reason WHY$/)
    await page.locator('#mode').selectOption('audit')
    await page.locator('#quiet').selectOption('10m')
    await page.locator('#promote-why').fill('go')
    const share = page.locator('#canary')
    if ((await share.count()) > 0) {
      await share.fill('25')
      await says(page, 'promote', / promote \S+ audit --canary 25% --quiet-for 10m --reason go$/)
      await share.fill('100')
    }
    await says(page, 'promote', / promote \S+ audit --reason go$/)
    await picture(page, 'form-commands')
    await page.goto(`${rig.origin}/emergency`)
    await says(page, 'block', /block socket:domain=AF_ALG --reason WHY --dry-run$/)
    const form = page.locator('form[data-command-form=block]')
    await form.locator('[name=what]').fill('bpf')
    await form.locator('[name=reason]').fill('CVE')
    await says(page, 'block', /block bpf --reason CVE$/)
    await page.goto(`${rig.origin}/rules`)
    const profile = page.locator('input[name=profile]')
    const required = page.locator('input[name=profile][required]')
    t.equal(await required.count(), 0, 'learn needs no profile')
    await page.locator('form[data-rule] select[name=mode]').selectOption('audit')
    t.equal(await required.count(), 1, 'audit needs one')
    t.equal(await profile.getAttribute('placeholder'), 'name of the profile')
    t.same(complaints, [])
  })
})
