import { t, test } from 'tap'
import { until } from '../helpers/until.js'
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
          return { considered: 5, without: 0, hit: allow.length, knownSince: '', syscalls: [] }
        }
      }
    ]
  })
  t.teardown(() => rig.app.close())
  await withBrowser(async (browser) => {
    const { page, complaints } = await logIn(browser, rig.link())
    await page.goto(`${rig.origin}/review/shop/checkout.app`)
    await until('the first question', () => asked[0])
    const tick = (call: string) => page.locator(`input[type=checkbox][value=${call}]`).check()
    // What audit logged is ticked by a person.
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
