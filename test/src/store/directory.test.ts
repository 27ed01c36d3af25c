import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { parse } from 'yaml'
import { observe, profileOf, storeContract, watchFor } from './contract.js'
import { errorOf, openFresh } from './opened-directory.js'

storeContract('directory', openFresh)

const document = (namespace: string, name: string) =>
  `apiVersion: secco.dev/v1alpha1\nkind: SeccompProfile\nmetadata: {namespace: ${namespace}, name: ${name}}\nspec: {}\n`

/** "Billion laughs": ten lists, each of nine times the one before. */
const bomb = Array.from({ length: 10 }, (_, n) => {
  const items = n === 0 ? 'x' : Array.from({ length: 9 }, () => `*a${n - 1}`).join(', ')
  return `a${n}: &a${n} [${items}]\n`
}).join('')

test('directory: the folder itself', async (t) => {
  const { dir, store, again, dispose } = await openFresh()
  t.teardown(dispose)
  const shop = join(dir, 'shop', 'seccompprofiles')

  await t.test('a document is plain YAML that an API server would create', async (t) => {
    await store.apply('SeccompProfile', profileOf('shop', 'plain', ['read']))
    await store.update('SeccompProfile', { namespace: 'shop', name: 'plain' }, (p) =>
      observe(p, ['read'])
    )
    const text = await readFile(join(shop, 'plain.yaml'), 'utf8')
    const raw = parse(text) as { metadata: Record<string, unknown> }
    t.same(Object.keys(raw).sort(), ['apiVersion', 'kind', 'metadata', 'spec'], 'no status')
    t.same(Object.keys(raw.metadata).sort(), ['name', 'namespace'])
    const files = (await readdir(shop)).sort()
    t.same(files, ['plain.stat', 'plain.yaml'], 'no lock or temporary file stays')
  })

  await t.test("another store's bookkeeping is not taken over", async (t) => {
    const given = profileOf('shop', 'moved', ['read'])
    const foreign = { uid: 'theirs', generation: 41, creationTimestamp: '2020-01-01T00:00:00Z' }
    const made = await store.apply('SeccompProfile', {
      ...given,
      metadata: { ...given.metadata, ...foreign }
    })
    t.match(made.metadata, { resourceVersion: '1', generation: 1 })
    t.not(made.metadata.uid, 'theirs')
    t.not(made.metadata.creationTimestamp, foreign.creationTimestamp)
    await store.delete('SeccompProfile', { namespace: 'shop', name: 'moved' })
  })

  await t.test('edits by hand are seen: new, in place, renamed over, removed', async (t) => {
    const watched = await watchFor(store)
    t.teardown(watched.stop)
    const hand = join(dir, 'by-hand', 'seccompprofiles')
    await mkdir(hand, { recursive: true })
    await writeFile(join(hand, 'a.yaml'), document('by-hand', 'a'))
    await watched.until((e) => e.type === 'applied' && e.object.metadata.name === 'a')
    await writeFile(
      join(hand, 'a.yaml'),
      `${document('by-hand', 'a')}# in place\nstatus: {observed: {x86_64: [mmap]}}\n`
    )
    await watched.until((e) => e.type === 'applied' && 'status' in e.object)
    await writeFile(join(hand, 'editor~'), document('by-hand', 'b'))
    await rename(join(hand, 'editor~'), join(hand, 'b.yaml'))
    await watched.until((e) => e.type === 'applied' && e.object.metadata.name === 'b')
    const grown = await store.update('SeccompProfile', { namespace: 'by-hand', name: 'a' }, (p) =>
      observe(p, ['brk'])
    )
    t.same(grown.status?.observed, { x86_64: ['brk', 'mmap'] })
    await rm(join(dir, 'by-hand'), { recursive: true })
    await watched.until((e) => e.type === 'deleted' && e.ref.name === 'a')
    await watched.until((e) => e.type === 'deleted' && e.ref.name === 'b')
  })

  await t.test('a corrupt document is reported, skipped, left alone, and repaired', async (t) => {
    const watched = await watchFor(store)
    t.teardown(watched.stop)
    const cases: [string, string, RegExp][] = [
      ['not-yaml', 'spec: [unclosed', /YAML|flow|document/i],
      [
        'wrong-type',
        document('shop', 'wrong-type').replace('spec: {}', 'spec: {extends: 5}'),
        /extends/
      ],
      [
        'unknown-key',
        document('shop', 'unknown-key').replace('spec: {}', 'spec: {surprise: 1}'),
        /surprise|additional/i
      ],
      ['misnamed', document('shop', 'other'), /metadata\.name/],
      ['too-much', 'a: b\n'.repeat(800_000), /at most 1048576/],
      ['too-deep', '['.repeat(300_000), /deeper than 64/],
      ['twice', `${document('shop', 'twice')}spec: {}\n`, /unique at line 5/],
      ['bomb', bomb, /alias/i],
      ['control', 'a: "\\q\u001b[31m', /^[ -~]{1,300}$/],
      ['elsewhere', document('other', 'elsewhere'), /metadata\.namespace/]
    ]
    for (const [name, text, expected] of cases) {
      const path = join(shop, `${name}.yaml`)
      await writeFile(path, text)
      await watched.until((e) => e.type === 'problem' && e.problem.where === path)
      const problem = store.problems().find((p) => p.where === path)
      t.match(problem?.message, expected, name)
      const ref = { namespace: 'shop', name }
      t.equal(
        (await errorOf(store.apply('SeccompProfile', profileOf('shop', name)))).code,
        'STORE_CORRUPT'
      )
      t.equal((await errorOf(store.update('SeccompProfile', ref, (p) => p))).code, 'STORE_CORRUPT')
      t.equal((await errorOf(store.delete('SeccompProfile', ref))).code, 'STORE_CORRUPT')
      t.equal(await readFile(path, 'utf8'), text, 'left as it is')
    }
    const names = (await store.list('SeccompProfile')).map((p) => p.metadata.name)
    t.same(names, ['plain'], 'the rest works')
    for (const [name] of cases) {
      const path = join(shop, `${name}.yaml`)
      await writeFile(path, document('shop', name))
      await watched.until((e) => e.type === 'resolved' && e.where === path)
    }
    t.same(store.problems(), [])
  })

  await t.test('links, strange names and places are not followed but reported', async (t) => {
    const outside = await mkdtemp(join(tmpdir(), 'secco-outside-'))
    t.teardown(() => rm(outside, { recursive: true }))
    await writeFile(join(outside, 'secret.yaml'), document('shop', 'secret'))
    await symlink(join(outside, 'secret.yaml'), join(shop, 'secret.yaml'))
    await symlink(outside, join(dir, 'linked'))
    await mkdir(join(dir, 'shop', 'pods'))
    await writeFile(join(shop, 'note.txt'), 'hello')
    await writeFile(join(shop, 'UPPER.yaml'), 'hello')
    await writeFile(join(dir, 'top.yaml'), document('shop', 'top'))
    await store.list('SeccompProfile')
    const found = store.problems().map((p) => p.where.slice(dir.length + 1))
    const expected = ['secret.yaml', 'note.txt', 'UPPER.yaml'].map(
      (n) => `shop/seccompprofiles/${n}`
    )
    t.same(found.sort(), [...expected, 'linked', 'shop/pods', 'top.yaml'].sort())
    const ref = { namespace: 'linked', name: 'x' }
    t.equal(
      (await errorOf(store.apply('SeccompProfile', profileOf('linked', 'x')))).code,
      'STORE_CORRUPT'
    )
    t.equal((await errorOf(store.get('SeccompProfile', ref))).code, 'STORE_CORRUPT')
    t.same(await readdir(outside), ['secret.yaml'])
    for (const where of found) await rm(join(dir, where), { recursive: true })
  })

  await t.test('leftovers of killed writers are ignored, and swept when old', async (t) => {
    const leftover = join(shop, '.tmp-1-abc')
    await writeFile(leftover, 'half a docu')
    await writeFile(join(shop, '.tmp-1-new'), 'half a docu')
    await utimes(leftover, 1, 1)
    await mkdir(join(shop, '.lock-0000'))
    const owner = ['1', '0', 'another-boot', ''].join('\n')
    await writeFile(join(shop, '.lock-0000', '0123456789ab'), owner)
    await (await again()).watch(() => undefined)
    t.same(
      (await readdir(shop)).filter((name) => name.startsWith('.')),
      ['.tmp-1-new']
    )
    await store.list('SeccompProfile')
    t.same(store.problems(), [])
  })
})

test('directory: what could not be read again is not written', async (t) => {
  const { store, dir, dispose } = await openFresh()
  t.teardown(dispose)
  await store.apply('SeccompProfile', profileOf('shop', 'large'))
  const path = join(dir, 'shop', 'seccompprofiles', 'large.yaml')
  const before = await readFile(path, 'utf8')
  // Within what a document may have, but longer than a file that is read again.
  const syscalls = Array.from({ length: 50 }, () => ({
    names: Array.from({ length: 4000 }, () => 'read'),
    action: 'SCMP_ACT_ALLOW' as const
  }))
  const spec = { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls } }
  const large = { ...profileOf('shop', 'large'), spec }
  t.match(await errorOf(store.apply('SeccompProfile', large)), { code: 'TOO_LARGE' })
  t.equal(await readFile(path, 'utf8'), before)
  t.same(store.problems(), [])
})
