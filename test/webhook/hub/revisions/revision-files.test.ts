import { readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { digestOf } from '../../../../src/lib/digest.js'
import { openRevisionFiles } from '../../../../webhook/hub/revisions/revision-files.js'

const json = '{"defaultAction":"SCMP_ACT_ERRNO"}'
const digest = digestOf(json)
const nameOf = (of: string) => `${of.slice(7)}.json`

test('bytes that do not match their digest are none', async (t) => {
  const dir = t.testdir({})
  const files = await openRevisionFiles(dir)
  await files.keep(digest, json)
  await files.keep(digest, 'a second write changes nothing')
  t.equal((await files.read(digest))?.toString(), json)
  t.ok(await files.has(digest))
  const damaged = digestOf('other')
  writeFileSync(join(dir, nameOf(damaged)), 'damaged')
  t.equal(await files.read(damaged), undefined)
  t.notOk(await files.has(damaged))
  for (const name of ['', 'sha256:', '../secret', `sha256:${'A'.repeat(64)}`]) {
    t.equal(await files.read(name), undefined, name)
  }
  await files.keep(damaged, 'other')
  t.equal((await files.read(damaged))?.toString(), 'other', 'and are written again')
  const restarted = await openRevisionFiles(dir)
  t.ok(await restarted.has(digest), 'a restarted hub has them')
})

test('what is referred to, and what is young, is not swept', async (t) => {
  const dir = t.testdir({ 'notes.txt': '' })
  const files = await openRevisionFiles(dir)
  const digests = ['referred', 'old', 'young'].map((text) => digestOf(text))
  const [referred = '', old = '', young = ''] = digests
  for (const text of ['referred', 'old', 'young']) await files.keep(digestOf(text), text)
  const lastWeek = new Date(Date.now() - 7 * 86_400_000)
  for (const one of [referred, old]) utimesSync(join(dir, nameOf(one)), lastWeek, lastWeek)
  await files.sweep(new Set([referred]), 86_400_000)
  t.same(readdirSync(dir).sort(), [nameOf(referred), nameOf(young), 'notes.txt'].sort())
  t.notOk(await files.has(old))
  t.ok(await files.has(referred))
})
