import { execFile } from 'node:child_process'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { checkPair, isSignedBy } from '../../certs/pair.js'
import { ociArchive } from '../../image/oci-archive.js'
import { nodeRuntime } from '../../image/node-runtime.js'
import { entryPoints } from '../../image/bundle.js'
import { nativeFiles } from '../../image/parts.js'
import { billPath, seccoImage } from '../../image/secco-image.js'
import { parseLdd } from '../../image/shared-libraries.js'
import { tar } from '../../image/tar.js'
import { admitted, type Webhook } from '../helpers/admit.js'
import { assertAlive, end, start } from '../helpers/child-program.js'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'

const run = promisify(execFile)
const text = (path: string, content: string) =>
  ({ kind: 'file', path, mode: 0o644, content: Buffer.from(content) }) as const

test('a tar that other tars read', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-tar-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const long = `${'folder/'.repeat(16)}${'n'.repeat(90)}`
  const entries = [
    text('usr/b', 'two'),
    text(long, 'deep'),
    text('usr/a', 'x'.repeat(512)),
    { kind: 'link', path: 'bin/a', target: '/usr/a' },
    { kind: 'folder', path: 'tmp', mode: 0o1777 }
  ] as const
  const path = join(folder, 'a.tar')
  const archive = await tar(entries)
  await writeFile(path, archive)
  t.ok(archive.equals(await tar(entries.toReversed())), 'the order they come in plays no part')
  const listed = (await run('tar', ['--utc', '-tvf', path])).stdout
  const plain = /(root\/root|0\/0)\s+\d+ 1970-01-01 00:00 /
  t.same(
    listed.split('\n').filter((line) => line !== '' && !plain.test(line)),
    [],
    'owned by root, and of no time'
  )
  t.match(listed, /^drwxrwxrwt .* tmp\/$/m)
  t.match(listed, /^lrwxrwxrwx .* bin\/a -> \/usr\/a$/m)
  t.match(listed, /^drwxr-xr-x .* usr\/$/m, 'folders above are there')
  const { stdout } = await run('tar', ['-xOf', path, long])
  t.equal(stdout, 'deep', 'a path that needs both fields')
  await writeFile(path, await tar([text('x'.repeat(101), 'wide')]))
  t.equal((await run('tar', ['-xOf', path])).stdout, 'wide', 'a name longer than its field')
})

test('what ldd says', (t) => {
  const said = `\tlinux-vdso.so.1 (0x00007f)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f)
`
  t.same(parseLdd(said), ['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2'])
  t.throws(() => parseLdd('\tlibx.so => not found\n'), /libx/)
  t.end()
})

test('whatever the program asks for of what make built is in the image', async (t) => {
  const folder = join(repositoryRoot, 'native')
  const sources = (await readdir(folder)).filter((name) => name.endsWith('.ts'))
  const texts = await Promise.all(sources.map((name) => readFile(join(folder, name), 'utf8')))
  const asked = texts.flatMap((source) =>
    [...source.matchAll(/nativeBuild\(((?:'[^']+'(?:, )?)+)\)/g)].map(([, parts = '']) =>
      parts.replaceAll("'", '').replaceAll(', ', '/')
    )
  )
  t.ok(asked.length >= 7, asked.join())
  const there = nativeFiles.map(({ path }): string => path)
  t.same(
    asked.filter((path) => !there.includes(path)),
    []
  )
})

test('the image: the same bytes each time, small, and it says what it is', async (t) => {
  const options = {
    root: repositoryRoot,
    name: 'registry.example/team/secco:9',
    ...nodeRuntime(repositoryRoot)
  }
  const image = await seccoImage(options)
  const first = await ociArchive(image)
  const second = await ociArchive(await seccoImage(options))
  t.equal(first.digest, second.digest)
  t.ok(first.archive.equals(second.archive), 'made twice, the same bytes')
  t.comment(`${(first.archive.length / 1e6).toFixed(1)} MB`)
  t.ok(first.archive.length < 60e6, 'below 60 MB')

  const folder = await mkdtemp(join(tmpdir(), 'secco-image-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'image.tar')
  await writeFile(path, first.archive)
  await run('tar', ['-xf', path, '-C', folder])
  const json = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(folder, name), 'utf8'))
  const blob = (digest: string): string => join('blobs', digest.replace(':', '/'))
  const index = (await json('index.json')) as {
    manifests: { digest: string; annotations: Record<string, string> }[]
  }
  const [entry] = index.manifests
  t.equal(entry?.annotations['io.containerd.image.name'], options.name)
  t.equal(entry?.digest, first.digest)
  const manifest = (await json(blob(first.digest))) as {
    config: { digest: string }
    layers: { digest: string }[]
  }
  t.equal(
    manifest.layers.length,
    image.layers.length,
    'it has no base image: every layer is made here'
  )
  t.match(await json(blob(manifest.config.digest)), {
    config: { User: '65534:65534', Entrypoint: ['/usr/bin/secco'] }
  })
  const lists = await Promise.all(
    manifest.layers.map(({ digest }) => run('tar', ['-tzf', join(folder, blob(digest))]))
  )
  const names = lists.flatMap(({ stdout }) => stdout.trim().split('\n'))
  for (const wanted of [
    ...['usr/bin/node', 'usr/bin/secco', 'opt/secco/lib/secco.cjs', 'usr/share/doc/secco/LICENSE'],
    ...['opt/secco/native/build/recorder.bpf.o', 'opt/secco/native/build/secco-launcher']
  ]) {
    t.ok(names.includes(wanted), wanted)
  }
  const contentOf = (path: string): string => {
    const found = image.layers.flat().find((one) => one.path === path)
    return found?.kind === 'file' ? Buffer.from(found.content).toString() : ''
  }
  t.notOk(
    names.some((name) => /(^|\/)(sh|bash|busybox|apt|npm)$/.test(name)),
    'no shell, no package manager'
  )

  const bill = JSON.parse(contentOf(billPath)) as {
    components: { name: string; version?: string; hashes: { content: string }[] }[]
  }
  const known = new Map(bill.components.map((one) => [one.name, one]))
  t.match(known.get('node'), { version: /^24\./ }, 'a supported Node')
  const librariesOf = names.map((path) => basename(path)).filter((name) => /\.so(\.|$)/.test(name))
  t.ok(librariesOf.length > 5, librariesOf.join())
  for (const name of librariesOf) t.match(known.get(name), { version: /./, hashes: [{}] }, name)
  const { version } = JSON.parse(
    await readFile(join(repositoryRoot, 'node_modules/fastify/package.json'), 'utf8')
  ) as { version: string }
  t.match(known.get('fastify'), { version, hashes: [{ alg: 'SHA-512' }] })
  t.notOk(known.has('tap'), 'nothing that only tests use')
  const licenses = contentOf('usr/share/doc/secco/third-party-licenses.txt')
  t.match(licenses, /Copyright \(c\) 2016-present The Fastify/, 'a bundle keeps the notices')

  // Where nothing else is: no checkout, no packages above it.
  const unpacked = join(folder, 'unpacked')
  await mkdir(unpacked)
  const programs = manifest.layers.at(-1)?.digest ?? ''
  await run('tar', ['-xzf', join(folder, blob(programs)), '-C', unpacked])
  const state = join(folder, 'state')
  const ports = ['--listen', '--hub-listen', '--ui-listen'].flatMap((flag) => [flag, '127.0.0.1:0'])
  const webhook = start(
    'webhook',
    'env',
    // What the test runner has every program load is not in the image.
    [
      'NODE_OPTIONS=',
      options.node,
      join(unpacked, 'opt/secco/bin/secco'),
      '--state',
      state,
      'webhook',
      ...ports
    ]
  )
  t.teardown(() => end(webhook))
  const made = (name: string) => readFile(join(state, 'certs', name), 'utf8')
  const pair = await until('its certificate', async () => {
    assertAlive(webhook)
    return { cert: await made('server.crt'), key: await made('server.key') }
  })
  const certificate = checkPair(pair, 'server.crt')
  t.ok(
    isSignedBy(certificate, await made('ca.crt'), 'ca.crt'),
    'made by what is in the image alone'
  )

  // Long reviews and documents are read by threads.
  const addresses = await until('its addresses', async () => {
    assertAlive(webhook)
    return JSON.parse(await readFile(join(state, 'addresses.json'), 'utf8')) as Webhook
  })
  const labels = { 'secco.dev/learn': 'true' }
  const long = { example: '<'.repeat(200_000) }
  t.match(await admitted(addresses, 'large', labels, long), /RuntimeDefault/, 'a long review')
})

test('every thread of the program is a file of the image', async (t) => {
  const started: string[] = []
  for (const folder of ['certs', 'cli', 'native', 'satellite', 'src', 'webhook']) {
    const names = await readdir(join(repositoryRoot, folder), { recursive: true })
    for (const name of names.filter((one) => /\.tsx?$/.test(one))) {
      const source = await readFile(join(repositoryRoot, folder, name), 'utf8')
      for (const [, thread = ''] of source.matchAll(
        /new URL\('\.\/([\w-]+)\.js', import\.meta\.url\)/g
      ))
        started.push(thread)
    }
  }
  t.ok(started.length >= 3, started.join())
  t.same(
    started.filter((thread) => !Object.keys(entryPoints).includes(thread)),
    []
  )
})

test('npm run image writes a checksum beside the archive', async (t) => {
  const folder = t.testdir()
  const program = join(repositoryRoot, 'build/image/main.js')
  await run(process.execPath, [program, join(folder, 'secco.tar')])
  const check = () => run('sha256sum', ['-c', 'secco.tar.sha256'], { cwd: folder })
  t.match(await check(), { stdout: 'secco.tar: OK\n' })
  await appendFile(join(folder, 'secco.tar'), 'x')
  await t.rejects(check(), 'another archive')
})

test('the Containerfile builds on an image with a digest only, and copies nothing else of it', async (t) => {
  const text = await readFile(join(repositoryRoot, 'image/Containerfile'), 'utf8')
  t.same(text.match(/^(FROM|ARG) .*$/gm), [
    'ARG BASE',
    'FROM ${BASE} AS build',
    'ARG BASE',
    'FROM scratch'
  ])
  t.same(text.match(/^COPY --from.*$/gm), ['COPY --from=build /image /'])
  const guard = /^RUN (case "\$BASE" .*)$/m.exec(text)?.[1] ?? ''
  const image = 'docker.io/library/node'
  const bases: [base: string, isAccepted: boolean][] = [
    [`${image}@sha256:${'a'.repeat(64)}`, true],
    [`${image}:24-bookworm@sha256:${'a'.repeat(64)}`, true],
    [`${image}:24-bookworm`, false],
    [`${image}@sha256:${'a'.repeat(63)}`, false],
    [image, false],
    ['', false]
  ]
  for (const [BASE, isAccepted] of bases) {
    const checked = run('sh', ['-c', guard], { env: { ...process.env, BASE } })
    if (isAccepted) await t.resolves(checked, BASE)
    else await t.rejects(checked, /has no digest/, BASE)
  }
})
