import { revisionPath } from '../../../src/api/names.js'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { createDiskFiles } from '../../../satellite/inspector/disk-files.js'
import { allowing, revisionOf } from '../revision-of.js'

test('the file of a revision is there, is gone, or is not what its name says', (t) => {
  const root = t.testdir({})
  const files = createDiskFiles(root)
  const web = revisionOf(allowing('read'))
  const path = join(root, revisionPath('shop', 'web', web.digest))
  const state = () => files.read(web).state
  t.equal(state(), 'missing')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, web.json)
  t.equal(state(), 'ok')
  t.equal(state(), 'ok', 'an unchanged file is not read again')
  writeFileSync(path, '{}')
  t.equal(state(), 'changed')
  writeFileSync(path, web.json)
  t.equal(state(), 'ok')
  rmSync(path)
  t.equal(state(), 'missing')
  mkdirSync(path)
  t.equal(state(), 'changed', 'a folder is no file')
  t.end()
})
