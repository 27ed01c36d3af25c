import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  utimes,
  writeFile
} from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { serializeDocument } from '../../../src/api/parse.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import {
  contentDigest,
  encodeStatusFile,
  yamlIdentity
} from '../../../src/store/directory-status.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { until } from '../../helpers/until.js'
import { observe, profileOf, watchFor } from './contract.js'
import { openFresh, quick } from './opened-directory.js'

const ref = { namespace: 'shop', name: 'web' }

/** A folder with one profile, and the paths of its files. */
async function withProfile(allowed: string[] = ['read']) {
  const opened = await openFresh()
  const folder = join(opened.dir, 'shop', 'seccompprofiles')
  const made = await opened.store.apply('SeccompProfile', profileOf('shop', 'web', allowed))
  const [yaml, status] = [join(folder, 'web.yaml'), join(folder, 'web.stat')]
  const get = async (): Promise<SeccompProfile | undefined> =>
    (await opened.again()).get('SeccompProfile', ref)
  return { ...opened, folder, made, yaml, status, get }
}

/** What earlier versions of Secco wrote: the status in the YAML, and the version in an annotation. */
function earlier(profile: SeccompProfile): string {
  const { resourceVersion, generation, uid, creationTimestamp, ...metadata } = profile.metadata
  const version = JSON.stringify({ resourceVersion, generation, uid, creationTimestamp })
  const annotations = { ...metadata.annotations, 'secco.dev/store': version }
  return serializeDocument({ ...profile, metadata: { ...metadata, annotations } })
}

test('directory: a store of an earlier version is read, kept, and taken over by the next write', async (t) => {
  const { dir, store, again, dispose } = await openFresh()
  t.teardown(dispose)
  const folder = join(dir, 'shop', 'seccompprofiles')
  await mkdir(folder, { recursive: true })
  const old: SeccompProfile[] = ['web', 'api'].map((name) => ({
    ...observe(profileOf('shop', name, ['read']), ['read', 'mmap']),
    metadata: {
      ...{ name, namespace: 'shop', annotations: { team: 'a' }, labels: { app: name } },
      ...{ resourceVersion: '66', generation: 3, uid: `uid-${name}` },
      creationTimestamp: '2026-01-01T00:00:00.000Z'
    }
  }))
  for (const one of old) await writeFile(join(folder, `${one.metadata.name}.yaml`), earlier(one))
  const [web] = old
  t.same(await store.get('SeccompProfile', ref), web)
  t.same(await store.list('SeccompProfile'), [old[1], web])
  t.same((await readdir(folder)).sort(), ['api.yaml', 'web.yaml'], 'reading writes nothing')

  const grown = await store.update('SeccompProfile', ref, (p) => observe(p, ['brk']))
  const read = ['brk', 'mmap', 'read']
  t.same(grown, {
    ...web,
    metadata: { ...web?.metadata, resourceVersion: '67' },
    status: { observed: { x86_64: read } }
  })
  t.same(await (await again()).get('SeccompProfile', ref), grown)
  const text = await readFile(join(folder, 'web.yaml'), 'utf8')
  t.notMatch(text, /status:|secco\.dev\/store/)
  t.match(text, /team: a/)

  // The hub takes over the others by itself.
  const watched = await watchFor(store)
  t.teardown(watched.stop)
  await until('the other one to be taken over', async () =>
    (await readdir(folder)).includes('api.stat') &&
    !/status:/.test(await readFile(join(folder, 'api.yaml'), 'utf8'))
      ? true
      : undefined
  )
  t.same(await (await again()).get('SeccompProfile', { ...ref, name: 'api' }), old[1])
})

test('directory: a status is written beside the YAML, which stays as people wrote it', async (t) => {
  const { store, yaml, made, get, dispose } = await withProfile()
  t.teardown(dispose)
  await appendFile(yaml, '# a comment\n')
  const [before, file] = [await readFile(yaml, 'utf8'), await stat(yaml)]
  const grown = await store.update('SeccompProfile', ref, (p) => observe(p, ['brk']))
  t.equal(await readFile(yaml, 'utf8'), before)
  t.equal((await stat(yaml)).mtimeMs, file.mtimeMs)
  t.equal(grown.metadata.generation, 1, 'a comment is no new spec')
  t.equal(grown.metadata.uid, made.metadata.uid)
  t.same(await get(), grown)

  await writeFile(yaml, before.replace('- read', '- read\n          - write'))
  const edited = await get()
  t.same(edited?.spec.seccomp?.syscalls?.[0]?.names, ['read', 'write'])
  t.same(edited?.status, grown.status, 'an edit by hand keeps the status')
  t.equal(edited?.metadata.generation, 2, 'and is a new generation')
  t.not(edited?.metadata.resourceVersion, grown.metadata.resourceVersion, 'and another version')
  t.equal(edited?.metadata.uid, made.metadata.uid)

  await appendFile(yaml, 'status: {observed: {x86_64: [mount]}}\n')
  t.same((await get())?.status, grown.status, 'the status is not what people write')
  await store.update('SeccompProfile', ref, (p) => observe(p, ['close']))
  t.notMatch(await readFile(yaml, 'utf8'), /status/)
  t.equal((await get())?.metadata.generation, 2)
})

test('directory: a running hub remembers an edit, so that two edits are two generations', async (t) => {
  const { store, yaml, status, get, dispose } = await withProfile()
  t.teardown(dispose)
  const watched = await watchFor(store)
  t.teardown(watched.stop)
  for (const [call, generation] of [
    ['write', 2],
    ['close', 3]
  ] as const) {
    const text = (await readFile(yaml, 'utf8')).replace(/- \w+$/m, `- ${call}`)
    await writeFile(yaml, text)
    await until('the edit to be remembered', async () =>
      (await readFile(status, 'utf8')).includes(contentDigest(text)) ? true : undefined
    )
    t.equal((await get())?.metadata.generation, generation)
    t.equal(await readFile(yaml, 'utf8'), text, 'as it was written')
  }
})

test('directory: an interrupted write has happened as a whole', async (t) => {
  const { store, yaml, status, made, get, dispose } = await withProfile()
  t.teardown(dispose)
  const old = await readFile(yaml, 'utf8')
  const next = await store.update('SeccompProfile', ref, (p) => ({
    ...observe(p, ['brk']),
    spec: profileOf('shop', 'web', ['write']).spec
  }))
  const written = await readFile(yaml, 'utf8')
  await writeFile(yaml, old)
  const reverted = await get()
  t.same(reverted?.spec, made.spec, 'who puts an old YAML back means it')
  t.equal(reverted?.metadata.generation, 3)

  // As a writer leaves it that was killed between the two names.
  const identity = yamlIdentity(contentDigest(old), await stat(yaml, { bigint: true }))
  const replacing = { yaml: contentDigest(written), replaces: identity, object: next }
  await writeFile(status, encodeStatusFile(replacing))
  t.same(await get(), next)
  t.equal(await readFile(yaml, 'utf8'), old)
  const watched = await watchFor(store)
  t.teardown(watched.stop)
  await until('the hub to finish it', async () =>
    (await readFile(yaml, 'utf8')) === written ? true : undefined
  )
  t.same(await get(), next)
})

test('directory: a status that cannot be read loses the status alone', async (t) => {
  const { store, dir, folder, yaml, status, made, get, again, dispose } = await withProfile()
  t.teardown(dispose)
  await store.apply('SeccompProfile', profileOf('shop', 'other'))
  const whole = await store.update('SeccompProfile', ref, (p) => observe(p, ['brk']))
  const text = await readFile(status, 'utf8')
  const aside = `${status}.unreadable`
  const digest = contentDigest(await readFile(yaml))
  const cases: [what: string, damage: () => Promise<unknown>, reason: RegExp][] = [
    ['empty', () => writeFile(status, ''), /JSON/],
    ['cut off', () => writeFile(status, text.slice(0, -20)), /digest/],
    ['another byte', () => writeFile(status, text.replace('brk', 'brj')), /digest/],
    ['another format', () => writeFile(status, text.replace('stat/1', 'stat/9')), /format/],
    ['zeros', () => writeFile(status, Buffer.alloc(4096)), /JSON/],
    ['too large', () => writeFile(status, Buffer.alloc(5 * 2 ** 20, 32)), /accepted are up to/],
    [
      'of another object',
      () => writeFile(status, encodeStatusFile({ yaml: digest, object: profileOf('shop', 'api') })),
      /metadata\.name must be web/
    ],
    [
      'of another schema',
      () =>
        writeFile(
          status,
          encodeStatusFile({ yaml: digest, object: { ...whole, status: { observed: 5 } } })
        ),
      /status\.observed/
    ],
    ['a folder', () => mkdir(status), /EISDIR|regular file/],
    ['a link', () => symlink('/etc/hostname', status), /symbolic link/]
  ]
  for (const [what, damage, reason] of cases) {
    await rm(status, { recursive: true, force: true })
    await damage()
    const reader = await openDirectoryStore(dir)
    t.same((await reader.list('SeccompProfile')).length, 2, what)
    const [problem] = reader
      .problems()
      .filter(({ message }) => message.includes('the status cannot'))
    t.equal(problem?.where, status, what)
    t.match(problem?.message, reason, what)
    t.match(problem?.message, /restore this file from a backup, or remove it/, what)
    const found = await get()
    t.same(found?.spec, made.spec, `${what}: the spec is there`)
    t.equal(found?.status, undefined, what)
    // The next write keeps it where it can be looked at.
    const after = await (await again()).update('SeccompProfile', ref, (p) => observe(p, ['close']))
    t.same(after.status?.observed, { x86_64: ['close'] }, what)
    t.same(await get(), after, what)
    t.same(
      (await readdir(folder)).sort(),
      ['other.stat', 'other.yaml', 'web.stat', 'web.stat.unreadable', 'web.yaml'],
      what
    )
    const later = await openDirectoryStore(dir)
    await later.list('SeccompRule')
    t.match(later.problems(), [{ where: aside, message: /could not be read/ }], what)
    await rm(aside, { recursive: true })
  }
  await writeFile(status, text)
  t.same(await get(), whole, 'a backup is as good as before')
})

test('directory: a watch reports a lost status, and when it is there again', async (t) => {
  const { store, status, dispose } = await withProfile()
  t.teardown(dispose)
  await store.update('SeccompProfile', ref, (p) => observe(p, ['brk']))
  const text = await readFile(status, 'utf8')
  const watched = await watchFor(store)
  t.teardown(watched.stop)
  await writeFile(status, text.slice(0, 100))
  await watched.until((e) => e.type === 'problem' && e.problem.where === status)
  await watched.until((e) => e.type === 'applied' && e.object.status === undefined)
  t.equal((await store.list('SeccompProfile')).length, 1, 'it counts')
  await writeFile(status, text)
  await watched.until((e) => e.type === 'resolved' && e.where === status)
  t.same(store.problems(), [])
  t.match((await store.get('SeccompProfile', ref))?.status?.observed, { x86_64: ['brk'] })
})

test('directory: without its YAML there is no object, whatever lies beside it', async (t) => {
  const { store, dir, yaml, status, made, dispose } = await withProfile()
  t.teardown(dispose)
  await store.update('SeccompProfile', ref, (p) => observe(p, ['brk']))
  const kept = join(dir, 'kept.txt')
  await rename(yaml, kept)
  t.equal(await store.get('SeccompProfile', ref), undefined)
  t.same(await store.list('SeccompProfile'), [])
  t.same(store.problems(), [])
  await rename(kept, yaml)
  t.match(
    (await store.get('SeccompProfile', ref))?.status?.observed,
    { x86_64: ['brk'] },
    'as an editor saves'
  )
  await unlink(yaml)
  const fresh = await store.apply('SeccompProfile', profileOf('shop', 'web', ['read']))
  t.not(fresh.metadata.uid, made.metadata.uid, 'a new object takes nothing over')
  t.equal(fresh.status, undefined)

  await unlink(yaml)
  const folder = join(dir, 'shop', 'seccompprofiles')
  const opened = async () => {
    const other = await openDirectoryStore(dir)
    await other.watch(() => undefined)
    await other.close()
    return (await readdir(folder)).includes('web.stat')
  }
  t.equal(await opened(), true, 'the folder has changed just now')
  await utimes(folder, 1, 1)
  t.equal(await opened(), false, 'nobody puts it back any more')
  t.rejects(stat(status))
})

test('directory: kubectl apply takes the documents alone', async (t) => {
  const { store, dir, dispose } = await withProfile()
  t.teardown(dispose)
  await store.update('SeccompProfile', ref, (p) => observe(p, ['brk']))
  // ".json", ".yaml", ".yml": FileExtensions of k8s.io/cli-runtime/pkg/resource.
  const names = (await readdir(dir, { recursive: true })).filter((n) => /\.(json|ya?ml)$/.test(n))
  t.same(names, ['shop/seccompprofiles/web.yaml'])
})

test('directory: each of two edits by hand is a version of its own, before anything was written', async (t) => {
  const { dir, yaml, made, dispose } = await withProfile()
  t.teardown(dispose)
  const store = await openDirectoryStore(dir, quick)
  t.teardown(() => store.close())
  const text = await readFile(yaml, 'utf8')
  const versions = [made]
  for (const name of ['mmap', 'brk', 'futex']) {
    await writeFile(yaml, text.replace('read', name))
    const edited = await store.get('SeccompProfile', ref)
    if (edited !== undefined) versions.push(edited)
  }
  const of = (key: 'generation' | 'resourceVersion') =>
    versions.map(({ metadata }) => metadata[key])
  t.same(of('generation'), [1, 2, 3, 4])
  t.equal(new Set(of('resourceVersion')).size, 4)
})

test('directory: what is wrong with one kind or one object is said after another one was read', async (t) => {
  const { dir, yaml, status, again, dispose } = await withProfile()
  t.teardown(dispose)
  const rule = join(dir, 'shop', 'seccomprules', 'web.yaml')
  await mkdir(join(dir, 'shop', 'seccomprules'), { recursive: true })
  await writeFile(rule, 'kind: ]')
  const lists = await again()
  await lists.list('SeccompRule')
  await lists.list('SeccompProfile')
  t.same(
    lists.problems().map(({ where }) => where),
    [rule]
  )
  await writeFile(status, 'no status')
  const one = await again()
  t.ok(await one.get('SeccompProfile', ref))
  t.same(
    one.problems().map(({ where }) => where),
    [status]
  )
  await one.update('SeccompProfile', ref, (profile) => observe(profile, ['brk']))
  await writeFile(status, 'no status again')
  await (await again()).update('SeccompProfile', ref, (profile) => observe(profile, ['brk']))
  const kept = (await readdir(join(yaml, '..'))).filter((name) => name.endsWith('.unreadable'))
  t.equal(kept.length, 2, 'the one that was kept before is not replaced')
})

test('directory: a status whose document was removed goes, also where others are written all the time', async (t) => {
  const { dir, yaml, status, dispose } = await withProfile()
  t.teardown(dispose)
  const store = await openDirectoryStore(dir, { ...quick, sweepAgeMs: 400 })
  t.teardown(() => store.close())
  await store.watch(() => undefined)
  await unlink(yaml)
  let nth = 0
  await until('the status to be removed', async () => {
    nth += 1
    await store.apply('SeccompProfile', profileOf('shop', `other-${nth}`))
    return (await stat(status).catch(() => undefined)) === undefined ? true : undefined
  })
  t.equal(await store.get('SeccompProfile', ref), undefined)
})

/** What another release wrote: the object with these changes, and the YAML that belongs to it. */
async function writtenByLater(
  { yaml, status }: { yaml: string; status: string },
  object: SeccompProfile,
  text: string
) {
  await writeFile(yaml, text)
  await writeFile(status, encodeStatusFile({ yaml: contentDigest(text), object }))
}

test('pair: what a later release wrote into a status hides nothing that is known', async (t) => {
  const opened = await withProfile()
  t.teardown(opened.dispose)
  const known = await opened.store.update('SeccompProfile', ref, (one) => observe(one, ['brk']))
  const text = await readFile(opened.yaml, 'utf8')
  const later = { ...known, status: { ...known.status, laterMember: { deep: 1 } } }
  await writtenByLater(opened, later, text)
  const again = await opened.again()
  t.strictSame(await again.get('SeccompProfile', ref), known)
  t.strictSame(again.problems(), [])
  const grown = await again.update('SeccompProfile', ref, (one) => observe(one, ['mmap']))
  t.strictSame(grown.status?.observed, { x86_64: ['brk', 'mmap'] }, 'and can be written')
})

test('pair: a spec of a later release is rejected, and its status is there once the spec is repaired', async (t) => {
  const opened = await withProfile()
  t.teardown(opened.dispose)
  const known = await opened.store.update('SeccompProfile', ref, (one) => observe(one, ['brk']))
  const text = await readFile(opened.yaml, 'utf8')
  const later = { ...known, spec: { ...known.spec, laterMember: 1 } }
  await writtenByLater(opened, later, `${text}  laterMember: 1\n`)
  const watched = await watchFor(opened.store)
  t.teardown(watched.stop)
  await watched.until((e) => e.type === 'problem')
  t.match(opened.store.problems()[0]?.message, /laterMember: is not a known key/)

  await writeFile(opened.yaml, text)
  const { status, metadata } = (await opened.get()) as SeccompProfile
  t.strictSame(status, known.status)
  t.equal(metadata.generation, (known.metadata.generation ?? 0) + 1, 'the edit counts')
  t.equal(metadata.uid, known.metadata.uid)
})
