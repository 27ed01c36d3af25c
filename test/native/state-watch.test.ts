import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { openStateWatch } from '../../native/state-watch.js'
import { until } from '../helpers/until.js'

/** A root that is followed, with folders that were there before. */
async function followed(t: Test, ...folders: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'secco-state-'))
  const root = join(folder, 'root')
  for (const path of ['', ...folders]) await mkdir(join(root, path), { recursive: true })
  const watch = openStateWatch([root])
  t.teardown(async () => {
    watch.close()
    await rm(folder, { recursive: true, force: true })
  })
  t.ok(
    watch.start(() => undefined),
    'its folders are followed'
  )
  return { folder, root, watch }
}

/** A state as runc writes one: under another name first, then renamed. */
async function writeState(own: string, pid: number, ...labels: string[]): Promise<void> {
  await writeFile(
    join(own, 'state-1'),
    JSON.stringify({ init_process_pid: pid, config: { labels } })
  )
  await rename(join(own, 'state-1'), join(own, 'state.json'))
}

test("a container's state is told once, its end and the next one of its name all the same", async (t) => {
  const { folder, root, watch } = await followed(t)
  const bundle = join(folder, 'bundle')
  await mkdir(bundle)
  const own = join(root, 'web')
  const write = (pid: number) => writeState(own, pid, `bundle=${bundle}`)
  const told: [boolean, number | undefined, string | undefined][] = []
  const next = async (count: number) => {
    await until(`news ${count}`, () => {
      for (const { gone, state } of watch.take().news) {
        const one: (typeof told)[number] = [gone, state?.pid, state?.annotations]
        // What could not be read whole may be told twice: once for its name, once for the sweep.
        if (String(one) !== String(told.at(-1))) told.push(one)
      }
      return told.length >= count ? true : undefined
    })
  }
  await mkdir(own)
  await write(11)
  await next(1)
  // Its bundle could not be read: what comes later counts.
  await writeFile(join(bundle, 'config.json'), '{"annotations":{"a":"b"}}')
  await write(11)
  await next(2)
  // All is known: this is no news.
  await write(11)
  await rm(own, { recursive: true })
  await next(3)
  await mkdir(own)
  await write(12)
  await next(4)
  t.strictSame(told, [
    [false, 11, ''],
    [false, 11, '{"a":"b"}'],
    [true, undefined, undefined],
    [false, 12, '{"a":"b"}']
  ])
})

test('containers in namespaces of a root, of those that were there and those that are made later', async (t) => {
  const { root, watch } = await followed(t, 'old', 'busy/first')
  const told = new Map<string, number>()
  const toldOf = (path: string) =>
    until(`news of ${path}`, () => {
      for (const one of watch.take().news) {
        if (one.state !== undefined) told.set(one.folder, one.state.pid)
      }
      return told.get(join(root, path))
    })
  const start = async (path: string, pid: number) => {
    await mkdir(join(root, path), { recursive: true })
    await writeState(join(root, path), pid)
  }
  await start('busy/second', 2)
  t.equal(await toldOf('busy/second'), 2, 'in a namespace with containers')
  await start('old/one', 3)
  t.equal(await toldOf('old/one'), 3, 'in one that was empty')
  await start('new/one', 4)
  t.equal(await toldOf('new/one'), 4, 'in one that was made with it')
  await mkdir(join(root, 'empty'))
  await start('direct', 5)
  t.equal(await toldOf('direct'), 5, 'in the root itself')
  await start('empty/one', 6)
  t.equal(await toldOf('empty/one'), 6, 'in one that was empty when it was met')
  await start('empty/two', 7)
  t.equal(await toldOf('empty/two'), 7)
})

test('one name again and again: whatever is read late, the last container is what is told last', async (t) => {
  const { root, watch } = await followed(t)
  const own = join(root, 'job')
  const told: { gone: boolean; pid: number | undefined }[] = []
  const take = () => {
    for (const { gone, state } of watch.take().news) told.push({ gone, pid: state?.pid })
    return told.at(-1)
  }
  const lives = 300
  for (let pid = 1; pid <= lives; pid += 1) {
    await mkdir(own)
    await writeState(own, pid)
    if (pid < lives) await rm(own, { recursive: true })
    if (pid % 7 === 0) take()
  }
  await until('the last one', () => (take()?.pid === lives ? true : undefined))
  t.same(told.at(-1), { gone: false, pid: lives })
  const pids = told.flatMap(({ pid }) => pid ?? [])
  t.same(
    pids,
    [...pids].sort((a, b) => a - b),
    'and none comes after a later one'
  )
  await rm(own, { recursive: true })
  await until('its end', () => (take()?.gone === true ? true : undefined))
})

test('roots that are made later, or made again, are followed from their first container on', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-state-'))
  const roots = ['a', 'b/runc', 'c/d/runc', 'c/d/other/runc'].map((path) => join(folder, path))
  const watch = openStateWatch(roots)
  t.teardown(async () => {
    watch.close()
    await rm(folder, { recursive: true, force: true })
  })
  t.ok(watch.start(() => undefined))
  const began = performance.now()
  const made = [...roots, ...roots]
  for (const [at, root] of made.entries()) {
    const pid = at + 1
    await rm(root, { recursive: true, force: true })
    const own = join(root, 'web')
    await mkdir(own, { recursive: true })
    await writeState(own, pid)
    await until(`the state of ${own}`, () =>
      watch.take().news.some(({ state }) => state?.pid === pid) ? true : undefined
    )
  }
  // Whoever only looks every two seconds (sweep_s) takes as long for each.
  const tookMs = performance.now() - began
  t.ok(tookMs < made.length * 1000, `${Math.round(tookMs)} ms`)
})

test('a state that was not renamed to its name is found all the same', async (t) => {
  const { root, watch } = await followed(t)
  await mkdir(join(root, 'old'))
  await writeFile(join(root, 'old', 'state.json'), '{"init_process_pid":5}')
  const pid = await until('its state', () => watch.take().news[0]?.state?.pid)
  t.equal(pid, 5)
})

test('an end is told after a quiet time too, and without any news', async (t) => {
  const { folder, root, watch } = await followed(t)
  const names = ['first', 'second', 'third']
  await writeFile(join(folder, 'config.json'), '{}')
  const told = new Set<string>()
  const all = (what: string, is: (gone: boolean) => boolean, wanted: readonly string[]) =>
    until(what, () => {
      for (const one of watch.take().news) if (is(one.gone)) told.add(one.folder)
      return wanted.every((name) => told.has(join(root, name))) ? true : undefined
    })
  for (const [at, name] of names.entries()) {
    const own = join(root, name)
    await mkdir(own)
    await writeState(own, at + 1, `bundle=${folder}`)
  }
  await all('their states', (gone) => !gone, names)
  told.clear()
  for (const name of names) {
    // All of it is known: but for its end nothing of it is waited for.
    await rm(join(root, name), { recursive: true })
    await all(`the end of ${name}`, (gone) => gone, [name])
    // Longer than two rests (native/addon/state/state-watch.cc).
    await delay(1300)
  }
  t.equal(told.size, 3)
})
