import { t, test } from 'tap'
import { untilSaid } from './app.js'
import { logIn } from './rig.js'
import { serve, withBrowser } from './serve.js'
import { town } from './town.js'

t.setTimeout(900_000)

test('a review shows what the ticked calls would have denied, not those of before', async (t) => {
  const asked: string[][] = []
  const rig = await serve({
    ...town,
    foreign: [
      {
        ...{
          method: 'POST',
          url: '/api/v1/simulate',
          summary: 'a simulation',
          cli: 'secco simulate'
        },
        needs: { verb: 'list', resource: 'containers' },
        handle({ body }) {
          const { allow } = (body as { proposal: { allow: string[] } }).proposal
          asked.push(allow)
          // As many containers as calls: the number shows which question is answered.
          const radius = { considered: 5, without: 0, knownSince: '', syscalls: [] }
          if (allow.length > 1) return { ...radius, hit: allow.length }
          return { ...radius, hit: 0, denied: ['mount'], still: ['mount'], affected: 1 }
        }
      }
    ]
  })
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page, complaints } = await logIn(browser, rig.link())
    await page.goto(`${rig.origin}/review/shop/checkout.app`)
    // What audit logged is not ticked: nothing is, and what is denied stays so.
    await untilSaid(page, /Denied now, and denied still: mount\. Nothing else would have been/)
    t.same(await page.locator('[data-simulate]').innerText(), '1', 'it is no 0')
    for (const place of ['[data-simulate]', '[data-simulate-words]'])
      t.match(await page.locator(place).getAttribute('class'), /\bbad\b/, place)
    const tick = (call: string) => page.locator(`input[name=allow][value=${call}]`).check()
    await tick('fdatasync')
    await tick('unlink')
    await untilSaid(page, /2 of 5 running containers would have had denials/)
    await tick('io_uring_setup')
    await untilSaid(page, /3 of 5 running containers would have had denials/)
    t.same(await page.locator('[data-simulate]').innerText(), '3')
    t.same(asked[0], [])
    t.same(asked.at(-1)?.toSorted(), ['fdatasync', 'io_uring_setup', 'unlink'])
    t.same(complaints, [])
  })
})
