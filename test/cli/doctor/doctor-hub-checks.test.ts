import { test } from 'tap'
import { hubChecks, noHub, printHubChecks } from '../../../cli/doctor/doctor-hub-checks.js'
import type { checksOf } from '../../../webhook/ui/model/doctor.js'
import { captureIo } from '../../helpers/captured-io.js'
import { hubOf, hubWith } from '../../helpers/hub-answers.js'
import { startUiRig } from '../../webhook/ui/rig.js'
import { runningItem } from '../../webhook/ui/running-item.js'

test('the command prints the checks of the page, in its words', async (t) => {
  const rig = await startUiRig()
  t.teardown(() => rig.app.close())
  const answer = (await rig.get('/api/v1/doctor')).json<{ items: ReturnType<typeof checksOf> }>()
  const page = (await rig.get('/doctor')).body.replace(/<[^>]*>/g, '')
  const hub = await hubWith(t, 'hub-a', { '/api/v1/doctor': answer })
  const checks = await hubChecks(hubOf([hub]))
  const { io, printed } = captureIo()
  printHubChecks(io, checks)
  t.ok(checks.length > 5)
  for (const { what } of checks) {
    t.ok(page.includes(what), `the page has: ${what}`)
    t.ok(printed.stdout.includes(what), `the command has: ${what}`)
  }
  const bad = checks.filter(({ verdict }) => verdict === 'bad').length
  t.match(
    printed.stdout,
    new RegExp(`${checks.length} checks of the hub.*: ${bad} of ${checks.length} need a fix`)
  )
  t.match(page, new RegExp(`${bad} of ${checks.length} need a fix`))
})

test('a hub that does not list its checks is named with the next step', async (t) => {
  const forbidden = { rejection: { code: 'FORBIDDEN', message: 'not for bob', hint: 'ask ann' } }
  const table: [what: string, answers: Record<string, unknown>, expected: RegExp][] = [
    [
      'forbidden',
      { '/api/v1/doctor': forbidden },
      /\? The hub lists.* not for bob\n.*next: ask ann/
    ],
    ['broken', { '/api/v1/doctor': 'break' }, /\? The hub lists its checks .*\n.*next: /]
  ]
  for (const [what, answers, expected] of table) {
    const hub = await hubWith(t, 'hub-a', answers)
    const { io, printed } = captureIo()
    printHubChecks(io, await hubChecks(hubOf([hub])))
    t.match(printed.stdout, expected, what)
  }
})

test('where no hub was found, no check of it is printed', async (t) => {
  const { io, printed } = captureIo()
  printHubChecks(io, await hubChecks(noHub))
  t.equal(printed.stdout, '')
})

test('containers that run another revision than new ones get are a warning, with their number', async (t) => {
  const item = runningItem('shop', 'web-1', 'app')
  const what = 'Containers run what a new one would get'
  // [how many are stale, what the check finds]
  const table: [number, { verdict: string; found: string }][] = [
    [0, { verdict: 'good', found: 'all' }],
    [1, { verdict: 'warn', found: '1 container runs another revision' }],
    [2, { verdict: 'warn', found: '2 containers run another revision' }]
  ]
  for (const [stale, expected] of table) {
    const items = [0, 1, 2].map((at) => ({ ...item, key: `n/${at}`, stale: at < stale }))
    const rig = await startUiRig({ inventory: () => items })
    const answer = (await rig.get('/api/v1/doctor')).json<{ items: ReturnType<typeof checksOf> }>()
    t.match(
      answer.items.find((one) => one.what === what),
      expected,
      `${stale} of 3`
    )
    await rig.app.close()
  }
})
