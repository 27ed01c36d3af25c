import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { RecordingGaps } from '../../../satellite/recorder/recording-gaps.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'

const logger = createLogger('satellite', quiet)
const second = (at: number): string => new Date(at * 1000).toISOString()
const fresh = { adopted: false, pinned: false }

test('what is between two recorders of one boot is a gap', async (t) => {
  const path = join(t.testdir({}), 'gaps.json')
  let now = 1000
  const open = (bootId = 'boot') =>
    new RecordingGaps({ path, bootId, logger, now: () => now * 1000 })

  const first = open()
  first.attached(fresh)
  t.strictSame(first.list(), [], 'nobody recorded before')
  now = 1010
  await first.close()
  now = 1040
  const again = open()
  t.strictSame(again.list(), [], 'not before something records again')
  again.attached(fresh)
  t.strictSame(again.list(), [{ from: second(1010), to: second(1040) }])
  // Killed: its end was noted a while ago.
  now = 1050
  const adopted = open()
  adopted.attached({ adopted: true, pinned: true })
  t.equal(adopted.list().length, 1, 'an adopted recorder was attached all the time')
  await adopted.close()

  for (let nth = 0; nth < 20; nth += 1) {
    now += 10
    const one = open()
    one.attached(fresh)
    now += 10
    await one.close()
  }
  const last = open()
  t.equal(last.list().length, 16, 'the newest ones')
  t.equal(last.list().at(-1)?.to, second(now - 10))
  t.strictSame(open('other').list(), [], 'no container survives a boot')
  const reboot = open('other')
  now += 10
  reboot.attached(fresh)
  t.strictSame(reboot.list(), [])
  await reboot.close()

  for (const text of ['', 'no json', '[]', '{"boot":"other","gaps":7}', '{"boot":"other"}']) {
    writeFileSync(path, text)
    utimesSync(path, now, now)
    const from = second(now)
    now += 10
    const one = open('other')
    one.attached(fresh)
    const gaps = [{ from, to: second(now) }]
    t.strictSame(one.list(), gaps, `${text}: what is known of it`)
    await one.close()
    t.match(JSON.parse(readFileSync(path, 'utf8')), { boot: 'other', gaps })
    t.equal(readFileSync(`${path}.unreadable`, 'utf8'), text, 'it is kept')
  }
})

test('a folder that cannot be written: recording goes on', async (t) => {
  const path = join(t.testdir({}), 'none', 'gaps.json')
  const gaps = new RecordingGaps({ path, bootId: 'boot', logger })
  gaps.attached(fresh)
  t.strictSame(gaps.list(), [])
  await gaps.close()
})
