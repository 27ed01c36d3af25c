import { test } from 'tap'
import { simulateCommand } from '../../../cli/confinement/radius.js'
import type { Hub } from '../../../cli/hubs/hub.js'
import { captureIo } from '../../helpers/captured-io.js'

test('secco simulate prints the answer of this hub, and of an earlier one', async (t) => {
  const workload = {
    ...{ namespace: 'shop', workload: 'Deployment/web', containers: 2, calls: 7 },
    syscalls: ['mount']
  }
  const answer = {
    ...{ considered: 2, knownSince: '', without: 0, hit: 2, ms: 1, syscalls: [] },
    ...{ workloads: [workload], containers: [] }
  }
  const when = 'not running now; used it in an earlier run'
  for (const [what, given, says] of [
    ['an earlier one', answer, /Deployment\/web +2 +7 +mount +runs now$/m],
    ['this one', { ...answer, workloads: [{ ...workload, when }] }, /mount +not running now; used/]
  ] as const) {
    const { io, printed } = captureIo()
    const hub = { ask: () => Promise.resolve(given) } as unknown as Hub
    const args = { profile: undefined, deny: ['mount'], selector: undefined, namespace: undefined }
    t.equal(await simulateCommand(io, hub, { ...args, output: 'table' }), 0, what)
    t.match(printed.stdout, says, what)
    t.match(printed.stderr, /2 of 2 running containers would have had denials/, what)
  }
})

test('secco simulate says in words and colour that a call stays denied', async (t) => {
  const radius = {
    ...{ considered: 2, knownSince: '', without: 0, missingNodes: 0, hit: 0, ms: 1, syscalls: [] },
    ...{ workloads: [], containers: [], earlier: 0, unread: 0, unplaced: 0 }
  }
  const denied = ['keyctl', 'mount']
  const [green, red, yellow] = ['\u001b[32m', '\u001b[31m', '\u001b[33m']
  // [what, the answer, its colour, its first words]
  const table: [string, object, string, RegExp][] = [
    ['nothing', { denied: [], still: [], affected: 0 }, green, /^Nothing would have been denied/],
    ['it is allowed then', { denied, still: [], affected: 0 }, green, /^Nothing else would/],
    [
      'it stays denied',
      { denied, still: ['mount'], affected: 1 },
      red,
      /^Denied now, and denied still: mount\./
    ],
    ['something else', { hit: 1, denied: [], still: [], affected: 1 }, yellow, /^1 of 2 running/]
  ]
  for (const [what, more, colour, says] of table) {
    const { io, printed } = captureIo()
    const hub = { ask: () => Promise.resolve({ ...radius, ...more }) } as unknown as Hub
    const args = { profile: 'shop/web', deny: [], selector: undefined, namespace: undefined }
    await simulateCommand({ ...io, color: true }, hub, { ...args, output: 'table' })
    t.equal(printed.stderr.slice(0, 5), colour, what)
    t.match(printed.stderr.slice(5), says, what)
  }
})
