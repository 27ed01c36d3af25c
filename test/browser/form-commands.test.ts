import type { Page } from 'playwright-core'
import { t, test } from 'tap'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
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
    // What was logged or denied is approved by name, also where all of it is ticked.
    const [include, keep] = [
      page.getByLabel('Include io_uring_setup'),
      page.getByLabel('Keep io_uring_setup denied')
    ]
    await page.getByLabel('Include fdatasync').check()
    await says(page, 'approve', /profile call shop\/checkout\.app --allow fdatasync --reason WHY$/)
    await keep.check()
    await says(page, 'approve', / --allow fdatasync --deny io_uring_setup --reason WHY$/)
    await include.check()
    t.notOk(await keep.isChecked(), 'a call is included, or stays denied')
    await page.getByLabel('Include unlink').check()
    await says(page, 'approve', / --allow fdatasync,io_uring_setup,unlink --reason WHY$/)
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

test('the form of a new rule does not replace a rule that exists', async (t) => {
  const rig = await serve(town)
  t.teardown(() => rig.app.close())
  /** The labels by which a rule picks pods; undefined where there is no such rule. */
  const labelsOf = async (name: string) => {
    const { spec } = (await rig.get(`/api/v1/rules/shop/${name}`)).json<Partial<SeccompRule>>()
    return spec && (spec.podSelector?.matchLabels ?? {})
  }
  await withBrowser(async (browser) => {
    const { page } = await logIn(browser, rig.link())
    const form = page.locator('form[data-rule]')
    const enter = async (address: string, name: string, labels: string) => {
      await page.goto(`${rig.origin}${address}`)
      await form.locator('[name=namespace]').fill('shop')
      await form.locator('[name=name]').fill(name)
      await form.locator('[name=labels]').fill(labels)
    }
    const press = () => page.getByRole('button', { name: 'Save the rule' }).click()
    /** The form leaves for the list when the rule is saved. */
    const saved = () => Promise.all([page.waitForEvent('load'), press()])
    const has = (name: string, app: string) =>
      until(`${name}: ${app}`, async () => (await labelsOf(name))?.['app'] === app || undefined, {
        timeoutMs: waitMs
      })
    for (const name of ['one', 'two']) {
      await enter('/rules', name, `app=${name}`)
      await saved()
      await has(name, name)
    }
    // A rule that is saved under another name is a new one, too.
    for (const address of ['/rules', '/rules?change=shop/two']) {
      await enter(address, 'one', 'app=other')
      await press()
      const error = form.locator('.form-error')
      await until(
        'the answer',
        async () => /exists already/.test(await error.innerText()) || undefined,
        { timeoutMs: waitMs }
      )
      t.same(await labelsOf('one'), { app: 'one' }, address)
    }
    await enter('/rules?change=shop/one', 'one', 'app=changed')
    await saved()
    await has('one', 'changed')
  })
})
