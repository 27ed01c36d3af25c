import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { parseProfileDocument } from '../../../src/api/parse.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { runs } from '../../helpers/fuzz.js'
import { observe, profileOf, watchFor } from './contract.js'
import { errorOf, openFresh, quick } from './opened-directory.js'

const writer = fileURLToPath(new URL('./writer.js', import.meta.url))

test('directory: a full disk leaves the old version', {
  skip: process.getuid?.() === 0 ? false : 'not root: a small tmpfs cannot be mounted'
}, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'secco-full-'))
  const mount = spawn('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'secco-test', dir])
  const [status] = (await once(mount, 'exit')) as [number]
  if (status !== 0) throw new Error('a small tmpfs could not be mounted')
  const store = await openDirectoryStore(dir, quick)
  t.teardown(async () => {
    await store.close()
    await once(spawn('umount', [dir]), 'exit')
    await rm(dir, { recursive: true })
  })
  await store.apply('SeccompProfile', profileOf('shop', 'small', ['read']))
  const ref = { namespace: 'shop', name: 'small' }
  const many = Array.from({ length: 4000 }, (_, n) => `syscall_with_a_long_number_${n}`)
  const before = await store.get('SeccompProfile', ref)
  const writes: [what: string, file: string, change: (p: SeccompProfile) => SeccompProfile][] = [
    ['a status', 'small.stat', (p) => observe(p, many)],
    ['a spec', 'small.yaml', (p) => ({ ...p, spec: profileOf('shop', 'small', many).spec })]
  ]
  for (const [what, file, change] of writes) {
    const error = await errorOf(store.update('SeccompProfile', ref, change))
    t.equal(error.code, 'WRITE_FAILED', what)
    t.match(error.message, new RegExp(`${file.replace('.', '\\.')}.*ENOSPC`), what)
    t.same(await store.get('SeccompProfile', ref), before, what)
    const files = (await readdir(join(dir, 'shop', 'seccompprofiles'))).sort()
    t.same(files, ['small.stat', 'small.yaml'], 'nothing half-written')
  }
  t.same(await (await openDirectoryStore(dir)).get('SeccompProfile', ref), before)
})

/** Starts a program that writes. @param count how often, 0: until it is killed */
function startWriter(
  dir: string,
  prefix: string,
  count: number
): { child: ChildProcess; written: string[] } {
  const child = spawn(process.execPath, [writer, dir, prefix, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' }
  })
  const written: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => written.push(line))
  return { child, written }
}

let seed = 20261124
const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648

test('directory: three processes at once lose nothing; kill -9 leaves old or new', async (t) => {
  const { dir, store, dispose } = await openFresh()
  t.teardown(dispose)
  const ref = { namespace: 'shop', name: 'shared' }
  await store.apply('SeccompProfile', profileOf('shop', 'shared'))
  const writers = ['one', 'two', 'three'].map((prefix) => startWriter(dir, prefix, 25))
  await Promise.all(writers.map(async ({ child }) => once(child, 'close')))
  const all = writers.flatMap(({ written }) => written)
  t.equal(all.length, 75)
  const after = await store.get('SeccompProfile', ref)
  t.same(after?.status?.observed?.x86_64, all.sort())
  t.equal(after?.metadata.resourceVersion, '76', 'every write counted once')

  const acknowledged = new Set(all)
  for (let round = 0; round < runs(6); round += 1) {
    const pair = ['a', 'b'].map((letter) => startWriter(dir, `${letter}${round}`, 0))
    await Promise.all(pair.map(async ({ child }) => once(child.stdout ?? child, 'data')))
    const closed = pair.map(async ({ child }) => once(child, 'close'))
    // A random moment of the write is the very thing under test.
    for (const { child } of pair) {
      await new Promise((resolve) => setTimeout(resolve, random() * 30))
      child.kill('SIGKILL')
    }
    await Promise.all(closed)
    for (const { written } of pair) for (const name of written) acknowledged.add(name)
    const observed = new Set((await store.get('SeccompProfile', ref))?.status?.observed?.x86_64)
    const lost = [...acknowledged].filter((name) => !observed.has(name))
    t.same(lost, [], `round ${round}: what was acknowledged is there`)
    t.ok(observed.size - acknowledged.size <= 2 * (round + 1), 'at most one write in flight each')
  }
  await store.update('SeccompProfile', ref, (p) => observe(p, ['last']))
  t.same(store.problems(), [])
  const left = (await readdir(join(dir, 'shop', 'seccompprofiles'))).filter((n) =>
    n.startsWith('.lock')
  )
  t.same(left, [], 'locks of the killed were broken')
})

/** The number of the write that a spec or a status is of. */
const specNumber = ({ spec }: SeccompProfile) => Number(spec.extends?.[0]?.replace('n', ''))
const statusNumber = ({ status }: SeccompProfile) => Number(status?.lastNew)

test('directory: spec and status are of the same write, whenever the writer is killed', async (t) => {
  const { dir, store, again, dispose } = await openFresh()
  t.teardown(dispose)
  const ref = { namespace: 'shop', name: 'shared' }
  const path = join(dir, 'shop', 'seccompprofiles', 'shared.yaml')
  await store.apply('SeccompProfile', profileOf('shop', 'shared'))
  const written: SeccompProfile[] = []
  await store.watch((event) => {
    if (event.type === 'applied' && event.object.kind === 'SeccompProfile')
      written.push(event.object)
  })
  let last = -1
  for (let round = 0; round < runs(10); round += 1) {
    const { child, written: acknowledged } = startWriter(dir, 'pair', 0)
    await once(child.stdout ?? child, 'data')
    const closed = once(child, 'close')
    const killAt = performance.now() + random() * 30
    // Whoever reads meanwhile sees whole pairs.
    while (performance.now() < killAt) {
      const seen = await (await openDirectoryStore(dir)).get('SeccompProfile', ref)
      t.equal(seen && specNumber(seen), seen && statusNumber(seen))
    }
    child.kill('SIGKILL')
    await closed
    const found = await (await again()).get('SeccompProfile', ref)
    if (found === undefined) throw new Error('the profile is gone')
    const number = specNumber(found)
    t.equal(statusNumber(found), number, `round ${round}`)
    const durable = Number(acknowledged.at(-1) ?? last)
    t.ok(number === durable || number === durable + 1, `${number} after ${durable}`)
    t.ok(number > last, 'it went on from the last one')
    last = number
    const generation = found.metadata.generation ?? 0
    t.equal(generation, number + 2, 'each write is counted once')
  }
  t.same(store.problems(), [])
  const watched = await watchFor(store)
  await watched.until(
    (e) => e.type === 'applied' && specNumber(e.object as SeccompProfile) === last
  )
  for (const profile of written.slice(1)) t.equal(specNumber(profile), statusNumber(profile))
  await store.update('SeccompProfile', ref, (p) => observe(p, ['last']))
  const yaml = parseProfileDocument(await readFile(path, 'utf8'), path)
  t.equal(specNumber(yaml), last, 'the next write finishes what was interrupted')
})
