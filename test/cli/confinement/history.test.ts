import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { showHistory } from '../../../cli/confinement/history.js'
import { createLogger } from '../../../src/lib/log.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { historiesOf } from '../../../webhook/confinement/history/history-routes.js'
import { HistoryRecorder } from '../../../webhook/hub/history/history-recorder.js'
import { readObservation } from '../../../webhook/hub/observations/read-observation.js'
import { captureIo } from '../../helpers/captured-io.js'
import { hubOf, hubWith } from '../../helpers/hub-answers.js'
import { quiet } from '../../helpers/quiet.js'
import { nodeStatus, observationOf } from '../../webhook/hub/rig.js'

const timing = { historyWaitMs: 1, historyWindowMs: 0, historySpacingMs: 0, retryMs: 10 }

test('secco history prints what the store has', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-history-'))
  const store = await openDirectoryStore(folder)
  const logger = createLogger('test', quiet)
  const recorder = new HistoryRecorder({ store: store.history, timing, logger, now: Date.now })
  t.teardown(async () => {
    await recorder.close()
    await rm(folder, { recursive: true })
  })
  const at = '2026-11-24T10:00:00.000Z'
  const observation = observationOf('n1/boot/40265.7.1', ['read', 'write'], {
    ...{ firstSeen: at, lastSeen: at, complete: true }
  })
  const finding = readObservation(observation, 'n1', nodeStatus)
  if (typeof finding === 'string') throw new Error(finding)
  await recorder.observed('n1', observation, finding)
  const answer = await historiesOf(recorder, { text: 'web', namespace: undefined }, () => true)
  const hub = await hubWith(t, 'hub-a', { '/api/v1/history': answer })
  const show = async (output: 'table' | 'json') => {
    const { io, printed } = captureIo()
    const args = { workload: 'web', namespace: undefined, output }
    t.equal(await showHistory(io, hubOf([hub]), args), 0)
    t.equal(printed.stderr, '')
    return printed.stdout
  }
  const lines = (await show('table')).trimEnd().split('\n')
  t.equal(lines[0], `default/Container/web, recorded since ${at}`, 'no later than its first line')
  t.same(
    lines.slice(1).map((line) => line.replace(/ {2,}/g, '  ')),
    [
      'TIME  WHAT  NODE  BY  DETAIL',
      `${at}  start  n1  -  started`,
      `${at}  new  n1  -  2 syscalls for the first time (x86_64): read, write`
    ]
  )
  const { items } = JSON.parse(await show('json')) as { items: (typeof answer)['items'] }
  t.same(items, answer.items, 'the same as data')
  const absent = { text: 'absent', namespace: 'shop' }
  await t.rejects(
    historiesOf(recorder, absent, () => true),
    {
      code: 'NOT_FOUND',
      message: 'workload shop/absent has no history',
      hint: 'list the workloads: secco get workloads -n shop'
    }
  )
})
