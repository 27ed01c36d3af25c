import { t, test } from 'tap'
import { until } from '../helpers/until.js'
import { logIn, picture } from './rig.js'
import { serve, withBrowser } from './serve.js'
import { town } from './town.js'

t.setTimeout(900_000)

const place = { namespace: 'shop', workload: 'Deployment/web', name: 'app', node: 'n1' }
const radius = {
  ...{ considered: 3, without: 1, missingNodes: 0, hit: 2, knownSince: '', denied: [], still: [] },
  unrecorded: [{ ...place, key: 'k', name: 'job', why: 'n1 records nothing (--record off)' }],
  workloads: ['web', 'api'].map((name) => {
    return {
      namespace: 'shop',
      workload: `Deployment/${name}`,
      syscalls: ['bpf'],
      when: 'runs now'
    }
  })
}

test('the page blocks nothing before a person has seen whom it hits', async (t) => {
  const bodies: Record<string, unknown>[] = []
  const foreign = {
    ...({ method: 'POST', url: '/api/v1/block', summary: 'a block', cli: 'secco block' } as const),
    needs: { verb: 'approve', resource: 'seccompprofiles' } as const,
    handle: ({ body }: { body: unknown }) => {
      bodies.push(body as Record<string, unknown>)
      const { what } = body as { what: string }
      const open = { restart: [place], unreached: [], total: 4, missingNodes: 0, notReporting: [] }
      return { what, reason: 'CVE', users: radius, profiles: ['shop/web'], ...open }
    }
  }
  const rig = await serve({ ...town, foreign: [foreign] })
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page, complaints } = await logIn(browser, rig.link())
    await page.goto(`${rig.origin}/emergency`)
    const form = page.locator('form[data-command-form=block]')
    const confirm = form.getByRole('button', { name: 'Block in 2 workloads' })
    await form.locator('[name=what]').fill('bpf')
    await form.locator('[name=reason]').fill('CVE')
    await form.locator('[name=reason]').press('Enter')
    await confirm.waitFor()
    t.same(bodies, [{ what: 'bpf', reason: 'CVE', dryRun: true }], 'also by Enter')
    const answer = (await form.locator('pre.answer').textContent()) ?? ''
    for (const words of [
      /^Tried, nothing was changed:/,
      /reason: CVE/,
      /2 of 3 running containers would have had denials/,
      /not known: shop\/Deployment\/web job \(n1 records nothing \(--record off\)\)/,
      /shop\/Deployment\/api · bpf · runs now/,
      /now: 1 of 4 running containers can still make it/
    ])
      t.match(answer, words)
    await picture(page, 'emergency-confirm')
    await form.locator('[name=what]').fill('keyctl')
    t.equal(await confirm.count(), 0, 'the figures were of another call')
    t.equal(await form.locator('pre.answer').count(), 0)
    await form.getByRole('button', { name: 'Impact, then block' }).click()
    await confirm.waitFor()
    await form.locator('[name=reason]').fill('CVE-1')
    t.equal(await confirm.count(), 1, 'a reason changes no figure')
    await confirm.click()
    await until('the block', () => Promise.resolve(bodies.length === 3 || undefined))
    t.same(bodies.slice(1), [
      { what: 'keyctl', reason: 'CVE', dryRun: true },
      { what: 'keyctl', reason: 'CVE-1' }
    ])
    // The page loads itself again after a block.
    await page.getByText('Done.', { exact: true }).waitFor()
    await page.getByLabel('Reason for userfaultfd').fill('CVE-2')
    await page.getByRole('button', { name: 'Impact, then block userfaultfd' }).click()
    await page.getByRole('button', { name: 'Block in 2 workloads' }).click()
    await until('the block of a template', () => Promise.resolve(bodies.length === 5 || undefined))
    t.same(bodies.at(-1), { what: 'userfaultfd', reason: 'CVE-2' })
    t.same(complaints, [])
  })
})
