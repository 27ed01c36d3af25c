import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { openStateWatch } from '../../../native/state-watch.js'
import { runcRuntime } from '../../../satellite/containers/runc.js'
import { holdFiles } from '../../helpers/hold-file.js'
import { until } from '../../helpers/until.js'

/** A time in which nothing that was held up can have come. */
const longestMs = 5000

test('a bundle that cannot be read holds up nobody else', {
  skip: process.getuid?.() === 0 ? false : 'not root: fanotify permission events are not allowed'
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-hung-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const root = join(folder, 'root')
  await mkdir(root)
  const addContainer = async (id: string): Promise<string> => {
    const bundle = join(folder, `bundle-${id}`)
    await mkdir(bundle, { recursive: true })
    await writeFile(join(bundle, 'config.json'), `{"annotations":{"who":"${id}"}}`)
    const state = { init_process_pid: 7, config: { labels: [`bundle=${bundle}`] } }
    await mkdir(join(root, id))
    await writeFile(join(root, id, 'state.json'), JSON.stringify(state))
    return join(bundle, 'config.json')
  }
  const held = await addContainer('held')
  const release = await holdFiles(folder, [held])
  if (release === undefined) {
    t.pass('held', { skip: 'this kernel has no permission events' })
    return
  }
  let lateMs = 0
  let tickedAt = performance.now()
  const ticker = setInterval(() => {
    lateMs = Math.max(lateMs, performance.now() - tickedAt)
    tickedAt = performance.now()
  }, 20)
  const watch = openStateWatch([root])
  watch.start(() => undefined)
  const news = new Set<string>()
  const take = () => {
    for (const { folder: at } of watch.take().news) news.add(at)
  }
  await until('the held container to be reported', () => {
    take()
    return news.has(join(root, 'held')) || undefined
  })
  await addContainer('other')
  const began = performance.now()
  await until('the other container to be reported', () => {
    take()
    return news.has(join(root, 'other')) || undefined
  })
  t.ok(performance.now() - began < longestMs, 'the thread goes on')
  t.match(watch.read(join(root, 'other')), { annotations: '{"who":"other"}' })
  t.match(watch.read(join(root, 'held')), { annotations: '', doubt: '' }, 'nothing of it is known')
  const runtime = runcRuntime([root])
  const listedAt = performance.now()
  const listed = (await runtime.list()).map(({ id, labels }) => [id, labels['who']])
  t.same(listed.sort(), [
    ['held', undefined],
    ['other', 'other']
  ])
  for (let at = 0; at < 20; at += 1) t.ok(watch.read(join(root, 'held')), `read ${at}`)
  t.ok(performance.now() - listedAt < longestMs, 'it is waited for once, not each time')
  clearInterval(ticker)
  t.ok(lateMs < 2500, `the event loop was late by at most ${Math.round(lateMs)} ms`)
  await release()
  await until('the held bundle to be read', () => {
    const read = watch.read(join(root, 'held'))
    return typeof read === 'object' && read.annotations !== '' ? true : undefined
  })
  t.pass('it is read when that works again')
  runtime.close?.()
  watch.close()
})
