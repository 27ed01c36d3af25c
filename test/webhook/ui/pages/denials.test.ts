import { test } from 'tap'
import type { ForeignRoute } from '../../../../webhook/ui/api/foreign.js'
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

test('a syscall is kept denied for the process that made it', async (t) => {
  const muting: ForeignRoute = {
    ...{ method: 'POST', url: '/api/v1/mute', summary: 'mute', cli: 'secco denials mute' },
    needs: { verb: 'update', resource: 'seccompprofiles' },
    handle: () => ({})
  }
  const { app, get } = await startUiRig({ ...town, foreign: [muting] })
  t.teardown(() => app.close())
  const { body } = await get('/denials')
  const forms = [...body.matchAll(/<form[^>]*\/api\/v1\/mute.*?<\/form>/gs)].map(([form]) => form)
  const valueOf = (form: string, name: string) =>
    new RegExp(`name="${name}"[^>]*value="([^"]*)"`).exec(form)?.[1]
  t.same(forms.map((form) => `${valueOf(form, 'syscall')} of ${valueOf(form, 'comm')}`).sort(), [
    'fdatasync of node',
    'io_uring_setup of node',
    'socket of curl',
    'unlink of node'
  ])
})
