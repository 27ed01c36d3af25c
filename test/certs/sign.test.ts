import { execFile } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { inspect, promisify } from 'node:util'
import { test } from 'tap'
import { createAuthority } from '../../certs/authority.js'
import { checkPair, isSignedBy } from '../../certs/pair.js'
import { sign, type SigningRequest } from '../../certs/sign.js'
import { SeccoError } from '../../src/lib/errors.js'
import { repositoryRoot } from '../helpers/repository.js'

const built = join(repositoryRoot, 'build')
const second = (ms: number): number => Math.floor(ms / 1000) * 1000

function leafRequest(commonName = 'node-1'): SigningRequest {
  return {
    commonName,
    notBefore: new Date(second(Date.now()) - 60_000),
    notAfter: new Date(second(Date.now()) + 3_600_000),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'extKeyUsage', clientAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '::1' }] }
    ]
  }
}

test('a pair as it was asked for', async (t) => {
  const ca = await createAuthority(new Date())
  const request = leafRequest()
  const pair = await sign({ ...request, ca })
  const certificate = checkPair(pair, 'made')
  t.equal(certificate.subject, 'CN=node-1')
  t.equal(certificate.issuer, new X509Certificate(ca.cert).subject)
  t.ok(isSignedBy(certificate, ca.cert, 'ca'))
  t.equal(Date.parse(certificate.validFrom), request.notBefore.getTime())
  t.equal(Date.parse(certificate.validTo), request.notAfter.getTime())
  t.notOk(certificate.ca)
  t.strictSame(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2'], 'clientAuth')
  t.ok(certificate.checkIP('::1'))
  t.equal(createPrivateKey(pair.key).asymmetricKeyDetails?.namedCurve, 'prime256v1')

  const own = await sign(request)
  t.ok(isSignedBy(checkPair(own, 'own'), own.cert, 'own'), 'without an authority: by itself')
  t.notOk(isSignedBy(new X509Certificate(own.cert), ca.cert, 'ca'))
})

test('several at once', async (t) => {
  const ca = await createAuthority(new Date())
  const names = Array.from({ length: 6 }, (_, index) => `node-${index}`)
  const pairs = await Promise.all(names.map((name) => sign({ ...leafRequest(name), ca })))
  const certificates = pairs.map((pair) => checkPair(pair, 'made'))
  t.strictSame(
    certificates.map(({ subject }) => subject),
    names.map((name) => `CN=${name}`)
  )
  t.equal(new Set(certificates.map(({ serialNumber }) => serialNumber)).size, names.length)
  t.equal(new Set(pairs.map(({ key }) => key)).size, names.length)
  t.ok(certificates.every((certificate) => isSignedBy(certificate, ca.cert, 'ca')))
})

test('what cannot be made is said', async (t) => {
  const ca = await createAuthority(new Date())
  const request = leafRequest()
  const badAddress: SigningRequest['extensions'] = [
    { name: 'subjectAltName', altNames: [{ type: 7, ip: 'nowhere' }] }
  ]
  const notData = [() => 'a function'] as unknown as SigningRequest['extensions']
  const secret = ca.key.split('\n')[1]?.slice(0, 40) ?? ''
  t.equal(secret.length, 40)
  const damaged = ca.key.replace(secret, `${secret}!`)
  const table: [string, SigningRequest][] = [
    ['an authority that is none', { ...request, ca: { cert: 'garbage', key: ca.key } }],
    ['a key that is none', { ...request, ca: { cert: ca.cert, key: 'garbage' } }],
    ['a key that is damaged', { ...request, ca: { cert: ca.cert, key: damaged } }],
    ['an address that is none', { ...request, ca, extensions: badAddress }],
    ['what no other thread can be given', { ...request, ca, extensions: notData }]
  ]
  for (const [name, bad] of table) {
    const error: unknown = await sign(bad).catch((thrown: unknown) => thrown)
    if (!(error instanceof SeccoError)) throw new Error(`${name}: ${String(error)}`)
    t.equal(error.code, 'INTERNAL', name)
    t.match(error.message, /^no certificate for node-1: ./, error.message)
    t.ok(error.cause instanceof Error, 'with its cause')
    t.notOk(inspect(error, { depth: null }).includes(secret), 'and without the key')
  }
})

/** The real sign.js beside another thread: it looks for it there. */
async function beside(folder: string, thread: string | undefined): Promise<typeof sign> {
  await mkdir(join(folder, 'certs'), { recursive: true })
  await mkdir(join(folder, 'src'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  for (const path of ['certs/sign.js', 'src/lib/errors.js']) {
    await cp(join(built, path), join(folder, path))
  }
  if (thread !== undefined) await writeFile(join(folder, 'certs/sign-worker.js'), thread)
  const { href } = pathToFileURL(join(folder, 'certs/sign.js'))
  return ((await import(href)) as { sign: typeof sign }).sign
}

test('a thread that does not do as it should: nobody waits for ever', async (t) => {
  const answers = `import { parentPort } from 'node:worker_threads'
    parentPort.postMessage({ cert: 'c', key: 'k' })`
  const fails: [string, string | undefined, RegExp][] = [
    ['silent', '', /ended with 0 and no answer/],
    ['ended', 'process.exit(3)', /ended with 3 and no answer/],
    ['failed', "throw new TypeError('of its own')", /of its own/],
    ['failed-later', "setTimeout(() => { throw new Error('later') }, 5)", /later/],
    ['missing', undefined, /Cannot find module/]
  ]
  for (const [name, thread, message] of fails) {
    const signs = await beside(join(t.testdir(), name), thread)
    await t.rejects(signs(leafRequest()), { code: 'INTERNAL', message }, name)
  }
  const stays = `${answers}\nsetInterval(() => undefined, 1000)`
  const signs = await beside(join(t.testdir(), 'stays'), stays)
  t.strictSame(await signs(leafRequest()), { cert: 'c', key: 'k' })
  t.notOk(process.getActiveResourcesInfo().includes('MessagePort'), 'it has been ended')
})

interface Afterwards {
  /** Packages in this process that make certificates. */
  loaded: string[]
  during: string[]
  after: string[]
}

/** A program of its own: what it has of all this when it has its certificate. */
async function afterwards(dir: string, also: string): Promise<Afterwards> {
  const program = `
    import { createRequire } from 'node:module'
    import { ensureClientLeaf } from ${JSON.stringify(pathToFileURL(join(built, 'certs/files.js')).href)}
    const during = new Set()
    const watch = setInterval(() => process.getActiveResourcesInfo().forEach((one) => during.add(one)), 5)
    await ensureClientLeaf(${JSON.stringify(dir)}, 'node-1')
    clearInterval(watch)
    const after = process.getActiveResourcesInfo()
    ${also}
    const files = Object.keys(createRequire(${JSON.stringify(`${built}/`)}).cache)
    const loaded = files.filter((file) => /[/]node_modules[/](selfsigned|@peculiar)[/]/.test(file))
    console.log(JSON.stringify({ loaded, during: [...during], after }))`
  // Rejects to be loaded on a thread, as what the test runner has every program load might.
  const preload = `data:text/javascript,import { isMainThread } from 'node:worker_threads'
    if (!isMainThread) throw new Error('loaded on the thread')`
    .replaceAll('\n', '%0A')
    .replaceAll(' ', '%20')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', preload, '--input-type=module', '--eval', program],
    { cwd: repositoryRoot, env: { ...process.env, NODE_OPTIONS: `--import ${preload}` } }
  )
  return JSON.parse(stdout) as Afterwards
}

test('a program keeps nothing of it', async (t) => {
  const { loaded, during, after } = await afterwards(join(t.testdir(), 'made'), '')
  t.strictSame(loaded, [], 'the packages were loaded on the thread alone')
  t.ok(during.includes('MessagePort'), 'there was a thread')
  t.notOk(after.includes('MessagePort'), 'and it has ended')
  const control = await afterwards(join(t.testdir(), 'control'), "await import('selfsigned')")
  t.ok(control.loaded.length > 1, 'a program that loads them is told apart')
})
