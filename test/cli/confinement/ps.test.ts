import { test } from 'tap'
import { listContainers } from '../../../cli/confinement/ps.js'
import { captureIo } from '../../helpers/captured-io.js'
import { hubOf, hubWith, psArgs, view } from '../../helpers/hub-answers.js'

const rows = [
  ['ps, nothing runs', false, [], 'No containers found.\n'],
  ['ps --wrong, nothing runs', true, [], 'No containers found.\n'],
  [
    'ps --wrong, everything is right',
    true,
    [view('n1', 'a')],
    'No container differs from what it should be.\n'
  ]
] as const

for (const [what, wrong, items, says] of rows) {
  test(`${what}: the sentence for an empty list`, async (t) => {
    const hub = await hubWith(t, 'hub-a', { '/api/v1/containers': { items } })
    const { io, printed } = captureIo()
    const code = await listContainers(io, hubOf([hub]), { ...psArgs, output: 'table', wrong })
    t.same([code, printed.stdout, printed.stderr], [0, '', says])
  })
}
