import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import {
  createDurable,
  ensureFolder,
  removeAllDurable,
  removeDurable,
  sweepTemporary,
  writeAllDurable,
  writeDurable
} from '../../../src/lib/durable-file.js'

const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8)

test('a write leaves the old content or the new one, and no temporary file', async (t) => {
  const dir = t.testdir({ 'a.json': 'old', folder: {} })
  const path = join(dir, 'a.json')
  const before = statSync(path).ino
  await writeDurable(path, 'new', 0o600)
  t.equal(readFileSync(path, 'utf8'), 'new')
  t.not(statSync(path).ino, before, 'another file has the name now')
  t.equal(modeOf(path), '600')
  await t.rejects(writeDurable(join(dir, 'folder'), 'x'), {
    code: 'WRITE_FAILED',
    message: /folder/
  })
  await t.rejects(writeDurable(join(dir, 'none/a'), 'x'), { code: 'WRITE_FAILED' })
  await writeAllDurable(
    ['b', 'c'].map((name) => ({ path: join(dir, name), content: name })),
    0o640
  )
  t.equal(modeOf(join(dir, 'c')), '640')
  t.same(readdirSync(dir).sort(), ['a.json', 'b', 'c', 'folder'], 'nothing is left behind')
  await writeAllDurable([])
})

test('of several that create a file one wins, and its content stays', async (t) => {
  const dir = t.testdir({})
  const path = join(dir, 'id')
  const names = Array.from({ length: 20 }, (_, nth) => String(nth))
  const made = await Promise.all(names.map((name) => createDurable(path, name)))
  const winners = names.filter((_, nth) => made[nth])
  t.equal(winners.length, 1)
  t.equal(readFileSync(path, 'utf8'), winners[0])
  t.equal(await createDurable(path, 'late'), false)
  t.equal(readFileSync(path, 'utf8'), winners[0])
  t.same(readdirSync(dir), ['id'])
})

test('removing what is there, and what is not', async (t) => {
  const dir = t.testdir({ a: '', b: '', c: '', folder: {} })
  t.equal(await removeDurable(join(dir, 'a')), true)
  t.equal(await removeDurable(join(dir, 'a')), false)
  await removeAllDurable(['b', 'a', 'c'].map((name) => join(dir, name)))
  t.same(readdirSync(dir), ['folder'])
  await t.rejects(removeDurable(join(dir, 'folder')), { code: 'WRITE_FAILED' })
  await t.rejects(removeAllDurable([join(dir, 'folder')]), { code: 'WRITE_FAILED' })
  await removeAllDurable([])
})

test('folders are made with their parents and the given mode', async (t) => {
  const dir = t.testdir({ file: '' })
  await ensureFolder(join(dir, 'a/b/c'), 0o700)
  for (const name of ['a', 'a/b', 'a/b/c']) t.equal(modeOf(join(dir, name)), '700', name)
  await ensureFolder(join(dir, 'a/b'))
  symlinkSync(join(dir, 'none'), join(dir, 'link'))
  // No folder can be there: it is said, and not tried for ever.
  for (const path of [join(dir, 'file/x'), join(dir, 'link/x'), join(dir, 'link'), '/proc/x/y'])
    await t.rejects(ensureFolder(path), { code: 'WRITE_FAILED' }, path)
})

test('leftovers of killed writers are swept, writes in progress are not', async (t) => {
  const dir = t.testdir({ '.tmp-1-old': '', '.tmp-2-young': '', 'a.json': '' })
  const anHourAgo = new Date(Date.now() - 3_600_000)
  for (const name of ['.tmp-1-old', 'a.json']) utimesSync(join(dir, name), anHourAgo, anHourAgo)
  t.equal(await sweepTemporary(dir, 600_000), 1)
  t.same(readdirSync(dir).sort(), ['.tmp-2-young', 'a.json'])
  t.equal(await sweepTemporary(dir, 0), 1)
  t.equal(await sweepTemporary(join(dir, 'none'), 0), 0)
  mkdirSync(join(dir, '.tmp-folder'))
  for (const name of ['.tmp-folder/file', '.tmp-file']) writeFileSync(join(dir, name), '')
  t.equal(await sweepTemporary(dir, 0), 2, 'a folder with what is in it')
  t.ok(existsSync(join(dir, 'a.json')))
})
