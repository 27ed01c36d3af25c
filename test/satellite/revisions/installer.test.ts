import { revisionPath } from '../../../src/api/names.js'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import {
  collectRevisions,
  installRevision,
  verifyInstalled
} from '../../../satellite/revisions/installer.js'
import type { Revision } from '../../../src/api/gen/hub.js'
import { allowing, revisionOf, trialThatWorks } from '../revision-of.js'
import { matchLists } from '../../helpers/match-lists.js'
import { zombieOf } from '../../helpers/zombie.js'

const web = revisionOf(allowing('read'))
const job = revisionOf(allowing('write'), undefined, 'job')
const pathOf = (root: string, { namespace, profile, digest }: Revision) =>
  join(root, revisionPath(namespace, profile, digest))

test('what is not installed, and why', async (t) => {
  const table: [what: string, change: Partial<Revision>, expected: object][] = [
    [
      'other bytes',
      { json: Buffer.from('{}') },
      { code: 'DIGEST_MISMATCH', message: /the bytes are sha256/ }
    ],
    ['a namespace that climbs', { namespace: '..' }, { code: 'INVALID_NAME' }],
    ['a profile that climbs', { profile: 'a..b' }, { code: 'INVALID_NAME' }],
    ['a profile with a folder', { profile: 'a/b' }, { code: 'INVALID_NAME' }],
    ['no digest', { digest: 'sha256:abc' }, { code: 'INVALID_ARGUMENT' }]
  ]
  for (const [what, change, expected] of table) {
    const root = t.testdir({})
    const status = await installRevision(root, { ...web, ...change }, { trial: trialThatWorks })
    t.match(status, { ready: false, ...expected }, what)
    t.same(readdirSync(root), [], `${what}: nothing is written`)
  }
  for (const text of ['no JSON', '{"defaultAction":"SCMP_ACT_NONE"}', '[]']) {
    const json = Buffer.from(text)
    const { digest } = revisionOf(allowing('read'))
    const root = t.testdir({})
    t.match(
      await installRevision(root, { ...web, digest, json }, { trial: trialThatWorks }),
      { ready: false },
      text
    )
  }
  const root = t.testdir({})
  const failing = () => Promise.resolve({ ok: false as const, reason: 'the kernel: EINVAL' })
  t.match(await installRevision(root, web, { trial: failing }), {
    ...{ ready: false, code: 'TRIAL_LOAD_FAILED' },
    message: /the kernel: EINVAL/
  })
  t.same(readdirSync(root), [], 'nothing is written that the kernel does not take')
})

test('a revision is installed once, and restored when it was changed', async (t) => {
  const root = t.testdir({})
  const drift: string[] = []
  const dependencies = { trial: trialThatWorks, onDrift: (path: string) => drift.push(path) }
  const path = pathOf(root, web)
  const install = () => installRevision(root, web, dependencies)
  t.match(await install(), { ready: true, code: '' })
  t.equal(readFileSync(path, 'utf8'), Buffer.from(web.json).toString())
  t.match(await install(), { ready: true })
  t.same(drift, [], 'the second time writes nothing')
  const changes: [what: string, change: () => void][] = [
    ['other content', () => writeFileSync(path, '{}')],
    ['others may write it', () => chmodSync(path, 0o666)],
    ['nobody may read it', () => chmodSync(path, 0o600)]
  ]
  for (const [what, change] of changes) {
    change()
    t.same((await verifyInstalled(root)).wrong, [path], `${what}: is drift`)
    t.match(await install(), { ready: true })
    t.equal(drift.pop(), path, what)
    matchLists(t, await verifyInstalled(root), { held: [{ profile: 'web' }], wrong: [] }, what)
  }
  writeFileSync(path, '{}', { mode: 0o644 })
  t.same((await verifyInstalled(root)).held, [], 'a damaged file is not held')
})

test('no revision is written through a symbolic link', async (t) => {
  const outside = t.testdir({ elsewhere: {}, root: { secco: {} } })
  const root = join(outside, 'root')
  symlinkSync(join(outside, 'elsewhere'), join(root, 'secco/shop'))
  t.match(await installRevision(root, web, { trial: trialThatWorks }), {
    ready: false,
    code: 'WRITE_FAILED'
  })
  t.same(readdirSync(join(outside, 'elsewhere')), [])
})

test('only what nobody wants or uses is removed', async (t) => {
  const root = t.testdir({})
  const used = revisionOf(allowing('close'), undefined, 'used')
  for (const one of [web, job, used]) await installRevision(root, one, { trial: trialThatWorks })
  const folder = join(root, 'secco/shop/web')
  const dead = `${pathOf(root, web)}.${await zombieOf(t)}.tmp`
  const own = `${pathOf(root, web)}.${process.pid}.tmp`
  for (const path of [dead, own, join(folder, 'notes.txt')]) writeFileSync(path, '')
  mkdirSync(join(root, 'secco/empty'))
  const removed = await collectRevisions(root, [web], new Set([used.digest]))
  t.same(removed.sort(), [dead, pathOf(root, job)].sort())
  t.ok(existsSync(pathOf(root, web)) && existsSync(pathOf(root, used)))
  t.ok(existsSync(own) && existsSync(join(folder, 'notes.txt')))
})
