import type { Page } from 'playwright-core'
import { t, type Test, test } from 'tap'
import { apiVersion } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { untilSaid } from './app.js'
import { logIn } from './rig.js'
import { serve, withBrowser } from './serve.js'
import { town } from './town.js'

t.setTimeout(900_000)

const profile: SeccompProfile = {
  ...{ apiVersion, kind: 'SeccompProfile' },
  metadata: { namespace: 'bank', name: 'first' },
  spec: {}
}

const rule: SeccompRule = {
  ...{ apiVersion, kind: 'SeccompRule' },
  metadata: { namespace: 'secco-system', name: 'first' },
  spec: { mode: 'learn' }
}

const oci = {
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' }]
}

/** Holds back the answer to the next request there, or loses it in the end; gives what lets it go. */
async function heldBack(page: Page, path: string, lost = false): Promise<() => void> {
  let go: () => void = () => undefined
  const gone = new Promise<void>((resolve) => (go = resolve))
  await page.route(
    `**${path}`,
    async (route) => {
      const response = lost ? undefined : await route.fetch()
      await gone
      await (response === undefined ? route.abort() : route.fulfill({ response }))
    },
    { times: 1 }
  )
  return go
}

async function choose(page: Page): Promise<void> {
  await page.locator('input[type=file]').setInputFiles({
    ...{ name: 'web.json', mimeType: 'application/json' },
    buffer: Buffer.from(JSON.stringify(oci))
  })
  await page.getByLabel('Namespace', { exact: true }).fill('shop')
}

/** Somebody logged in, where there are no objects yet. */
async function fromNothing(
  t: Test,
  walk: (rig: Awaited<ReturnType<typeof serve>>, page: Page) => Promise<void>
): Promise<string[]> {
  const rig = await serve({ ...town, objects: [] })
  t.teardown(() => rig.app.close())
  const heard: string[] = []
  await withBrowser(async (browser) => {
    const { page, complaints } = await logIn(browser, rig.link())
    await walk(rig, page)
    heard.push(...complaints)
  })
  return heard
}

test('answers: the result of an import stays when the first profile changes the page', async (t) => {
  const complaints = await fromNothing(t, async (rig, page) => {
    await page.goto(`${rig.origin}/profiles`)
    await untilSaid(page, /There is no profile yet/)
    await choose(page)
    await page.getByRole('button', { name: 'Preview' }).click()
    await untilSaid(page, /would make shop\/web: a profile of 2 calls/)
    await rig.ui.store.apply('SeccompProfile', profile)
    rig.changed()
    await untilSaid(page, /bank\/first[^]*would make shop\/web: a profile of 2 calls/)
  })
  t.same(complaints, [])
})

test('answers: an answer that comes after an update is shown on the updated page', async (t) => {
  const complaints = await fromNothing(t, async (rig, page) => {
    await page.goto(`${rig.origin}/profiles`)
    await untilSaid(page, /There is no profile yet/)
    const imported = await heldBack(page, '/api/v1/import')
    await choose(page)
    await page.getByRole('button', { name: 'Import', exact: true }).click()
    rig.changed()
    // What the import made is on the page before its answer is.
    await untilSaid(page, /shop\/web/)
    imported()
    await untilSaid(page, /made shop\/web: a profile of 2 calls/)

    await page.goto(`${rig.origin}/rules`)
    await untilSaid(page, /There is no rule yet/)
    await page.getByLabel('Name', { exact: true }).fill('mine')
    const lost = await heldBack(page, '/api/v1/rules/**', true)
    await page.getByRole('button', { name: 'Save the rule' }).click()
    await rig.ui.store.apply('SeccompRule', rule)
    rig.changed()
    await untilSaid(page, /Delete\s+first/)
    lost()
    await untilSaid(
      page,
      /the hub does not answer; the change may have been stored \(UNAVAILABLE\)/
    )
    t.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'mine')
  })
  t.same(
    complaints.filter((each) => !/ERR_FAILED/.test(each)),
    []
  )
})
