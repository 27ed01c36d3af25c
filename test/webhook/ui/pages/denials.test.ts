import { test } from 'tap'
import { town } from '../../../browser/town.js'
import { startUiRig } from '../rig.js'

test('a denial links to the page where its syscall can be allowed', async (t) => {
  const { app, get } = await startUiRig(town)
  t.teardown(() => app.close())
  const { body } = await get('/denials')
  const links = [...body.matchAll(/href="([^"]*)">(Allow[^<]*)<span class="vh"> (\w+) of/g)].map(
    ([, href, word, syscall]) => `${syscall}: ${word} ${href}`
  )
  t.same(links.sort(), [
    'fdatasync: Allow in review /review/shop/checkout.app',
    'io_uring_setup: Allow in review /review/shop/checkout.app',
    'socket: Allow /workloads/shop/storefront.nginx?call=socket#call',
    'unlink: Allow in review /review/shop/checkout.app'
  ])
})
