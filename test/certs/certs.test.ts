import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'tap'
import { createAuthority, ensureAuthority } from '../../certs/authority.js'
import {
  caBundle,
  ensureCertificates,
  ensureClientLeaf,
  ensureServerLeaf
} from '../../certs/files.js'
import { createLeaf } from '../../certs/leaf.js'
import {
  type CertificatePair,
  checkPair,
  isSignedBy,
  lifetimeLeft,
  splitBundle
} from '../../certs/pair.js'
import { watchPair } from '../../certs/reload.js'
import type { SeccoError } from '../../src/lib/errors.js'
import { writeDurable } from '../../src/lib/durable-file.js'

const day = 86_400_000
const names = ['localhost', '127.0.0.1', '::1', 'secco.secco-system.svc']
const later = (days: number): Date => new Date(Date.now() + days * day)

test('made once, then reused', async (t) => {
  const dir = join(t.testdir(), 'certs')
  const first = await ensureCertificates(dir, { serverNames: names, nodes: ['node-1'] })
  const again = await ensureCertificates(dir, { serverNames: names, nodes: ['node-1'] })
  t.equal(again.server.cert, first.server.cert)
  t.equal(again.clients.get('node-1')?.cert, first.clients.get('node-1')?.cert)
  t.equal(Buffer.from(first.caBundle, 'base64').toString(), first.server.ca)
  t.equal(await caBundle(dir), first.caBundle)
  t.equal((await stat(join(dir, 'authority.pem'))).mode & 0o777, 0o600)
  t.equal((await stat(first.server.paths.key)).mode & 0o777, 0o600)
  t.equal((await stat(dir)).mode & 0o777, 0o700)
  t.notOk((await readdir(dir)).some((name) => name.endsWith('.tmp')))
})

test('what the certificates say', async (t) => {
  const dir = t.testdir()
  const { server, clients } = await ensureCertificates(dir, {
    serverNames: names,
    nodes: ['node-1']
  })
  const leaf = new X509Certificate(server.cert)
  for (const name of ['localhost', 'secco.secco-system.svc']) t.ok(leaf.checkHost(name), name)
  for (const name of ['127.0.0.1', '::1']) t.ok(leaf.checkIP(name), name)
  t.strictSame(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'serverAuth')
  const client = new X509Certificate(clients.get('node-1')?.cert ?? '')
  t.equal(client.subject, 'CN=node-1')
  t.strictSame(client.keyUsage, ['1.3.6.1.5.5.7.3.2'], 'clientAuth')
  t.equal(client.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  const authority = new X509Certificate(server.ca)
  t.ok(authority.ca)
  t.notOk(leaf.ca)
  t.not(leaf.serialNumber, client.serialNumber)
  t.not(leaf.serialNumber, authority.serialNumber)
  t.ok(isSignedBy(leaf, server.ca, 'ca'))
})

test('mutual TLS works with them, and a foreign authority is rejected', async (t) => {
  const dir = t.testdir()
  const { server, clients } = await ensureCertificates(dir, {
    serverNames: names,
    nodes: ['node-1']
  })
  const listener = createServer(
    { ...server, requestCert: true, rejectUnauthorized: true },
    (socket) => {
      socket.on('error', () => undefined)
      socket.end(String(socket.getPeerCertificate().subject.CN))
    }
  )
  t.teardown(() => listener.close())
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  const answer = async (pair: Partial<CertificatePair>): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port, ca: server.ca, ...pair })
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await once(socket, 'close').catch((error: unknown) => (text = String(error)))
    return text
  }
  t.equal(await answer(clients.get('node-1') ?? {}), 'node-1')
  const foreign = await ensureClientLeaf(join(t.testdir(), 'foreign'), 'node-1')
  t.not(await answer({ cert: foreign.cert, key: foreign.key }), 'node-1')
  t.not(await answer({}), 'node-1')
})

test('renewed in time, damaged or not covering: made again', async (t) => {
  const dir = t.testdir()
  const first = await ensureServerLeaf(dir, ['localhost'])
  t.equal((await ensureServerLeaf(dir, ['localhost'], later(50))).cert, first.cert)
  const renewed = await ensureServerLeaf(dir, ['localhost'], later(61))
  t.not(renewed.cert, first.cert)
  t.equal(renewed.ca, first.ca)
  const wider = await ensureServerLeaf(dir, ['localhost', 'other.example'], later(61))
  t.ok(new X509Certificate(wider.cert).checkHost('other.example'))
  await writeFile(wider.paths.cert, 'garbage')
  const restored = await ensureServerLeaf(dir, ['localhost'], later(61))
  t.ok(checkPair(restored, 'restored'))
  await writeFile(restored.paths.key, first.key)
  t.ok(checkPair(await ensureServerLeaf(dir, ['localhost'], later(61)), 'restored again'))
})

test('a change of authority overlaps', async (t) => {
  const dir = t.testdir()
  const year = 365
  const first = await ensureServerLeaf(dir, ['localhost'])
  const [old] = splitBundle(first.ca)
  const announced = await ensureServerLeaf(dir, ['localhost'], later(7 * year))
  t.equal(splitBundle(announced.ca).length, 2, 'the next authority is in the bundle')
  t.ok(isSignedBy(new X509Certificate(announced.cert), first.ca, 'ca'), 'the old one still signs')
  const taken = await ensureServerLeaf(dir, ['localhost'], later(8.7 * year))
  t.equal(splitBundle(taken.ca).length, 2, 'the old one stays trusted')
  t.ok(isSignedBy(new X509Certificate(taken.cert), announced.ca, 'ca'), 'whoever knew both goes on')
  const fresh = await ensureClientLeaf(dir, 'node-1', later(8.7 * year))
  t.notOk(isSignedBy(new X509Certificate(fresh.cert), first.ca, 'ca'), 'the next one signs')
  const ended = await ensureServerLeaf(dir, ['localhost'], later(10.5 * year))
  t.notOk(splitBundle(ended.ca).includes(old ?? ''), 'an ended one leaves the bundle')
  t.ok(isSignedBy(new X509Certificate(ended.cert), taken.ca, 'ca'))
})

test('many at once end with one authority', async (t) => {
  const dir = t.testdir()
  const all = await Promise.all(Array.from({ length: 8 }, () => ensureAuthority(dir)))
  t.equal(new Set(all.map((authority) => authority.signing.cert)).size, 1)
})

test('a damaged authority is said, not replaced', async (t) => {
  const dir = t.testdir()
  await ensureAuthority(dir)
  const path = join(dir, 'authority.pem')
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, 300))
  await t.rejects(ensureServerLeaf(dir, names), { code: 'CERTIFICATE_INVALID' })
})

test('pairs are checked', async (t) => {
  const authority = await createAuthority(new Date())
  const purpose = { kind: 'client', node: 'node-1' } as const
  const a = await createLeaf(purpose, authority, new Date())
  const b = await createLeaf(purpose, authority, new Date())
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const rsaKey = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const table: [string, string, string][] = [
    ['same type, other key', a.cert, b.key],
    ['other type', a.cert, rsaKey],
    ['garbage key', a.cert, 'garbage'],
    ['garbage certificate', 'garbage', a.key],
    ['empty', '', '']
  ]
  for (const [name, cert, key] of table) {
    t.throws(() => checkPair({ cert, key }, 'server.crt'), { code: 'CERTIFICATE_INVALID' }, name)
  }
  t.ok(checkPair(a, 'a').checkPrivateKey(createPrivateKey(a.key)))
  t.ok(lifetimeLeft(new X509Certificate(a.cert), new Date()) > 0.99)
  for (const node of ['a/b', '../x', 'a,O=system:masters', '', 'a b', 'a=b']) {
    await t.rejects(
      createLeaf({ kind: 'client', node }, authority, new Date()),
      { code: 'INVALID_NAME' },
      node
    )
    await t.rejects(ensureClientLeaf(t.testdir(), node), { code: 'INVALID_NAME' }, node)
  }
})

test('the folder is watched', async (t) => {
  const dir = t.testdir()
  const first = await ensureServerLeaf(dir, ['localhost'])
  const problems: SeccoError[] = []
  let seen: (pair: CertificatePair) => void = () => undefined
  const changed = new Promise<CertificatePair>((resolve) => (seen = resolve))
  let changes = 0
  const watcher = watchPair({
    paths: first.paths,
    current: first,
    debounceMs: 20,
    onChange: (pair) => {
      changes++
      seen(pair)
    },
    onProblem: (error) => problems.push(error)
  })
  t.teardown(watcher.stop)
  await watcher.check()
  t.equal(changes, 0, 'the same pair is no change')
  const foreign = await ensureServerLeaf(join(dir, 'other'), ['localhost'])
  // As a rotation does it: a half-written file would be one more state, and said too.
  await writeDurable(first.paths.key, foreign.key)
  await watcher.check()
  await watcher.check()
  t.strictSame(
    [changes, problems.map((p) => p.code)],
    [0, ['CERTIFICATE_INVALID']],
    'a mismatch is said once'
  )
  await writeDurable(first.paths.cert, foreign.cert)
  await watcher.check()
  t.match(problems.at(-1)?.message, /not signed by an authority/)
  t.equal(changes, 0)
  const renewed = await ensureServerLeaf(dir, ['localhost'])
  t.equal((await changed).cert, renewed.cert, 'seen without being asked')
  await mkdir(join(dir, 'gone'))
})
