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
