import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { test } from 'tap'
import { createAuthority } from '../../certs/authority.js'
import { createLeaf } from '../../certs/leaf.js'
import type { CertificatePair } from '../../certs/pair.js'
import { openDirectoryStore } from '../../src/store/directory.js'
import type { CertificateSource } from '../../certs/certificate-source.js'
import { startWebhook } from '../../webhook/main.js'
import type { Address } from '../../webhook/webhook-options.js'
import { collectLog } from './hub/rig.js'

async function serialServed({ host, port }: Address, ca: string): Promise<string> {
  const socket = connect({
    host,
    port,
    ca,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2', 'http/1.1']
  })
  await once(socket, 'secureConnect')
  const { raw } = socket.getPeerCertificate()
  socket.destroy()
  return new X509Certificate(raw).serialNumber
}

test('a certificate is renewed', async (t) => {
  const authority = await createAuthority(new Date())
  const issue = async (): Promise<CertificatePair> => {
    const leaf = await createLeaf({ kind: 'server', names: ['127.0.0.1'] }, authority, new Date())
    return { ...leaf, ca: authority.cert }
  }
  const [before, meanwhile, later] = [await issue(), await issue(), await issue()]
  const listeners: ((pair: CertificatePair) => void)[] = []
  let asked = 0
  // The renewal comes right after the program took what it starts with: nobody listens yet.
  const source: CertificateSource = {
    current: () => (asked++ === 0 ? before : meanwhile),
    onChange: (listener) => void listeners.push(listener),
    close: () => undefined
  }
  // tap removes a folder of its own before the webhook has closed, which still writes.
  const folder = await mkdtemp(join(tmpdir(), 'secco-webhook-'))
  const store = await openDirectoryStore(join(folder, 'store'))
  const local = { host: '127.0.0.1', port: 0 }
  const webhook = await startWebhook({
    ...{ store, certificates: source, certsDir: join(folder, 'certs') },
    revisionsDir: join(folder, 'revisions'),
    serverNames: ['127.0.0.1'],
    ...{ listen: local, hubListen: local, uiListen: local },
    legacyAnnotations: false,
    logger: collectLog().logger
  })
  t.teardown(async () => {
    await webhook.close()
    await store.close()
    await rm(folder, { recursive: true })
  })
  const served = async () => {
    const { webhook: admission, hub = admission } = webhook.addresses
    return [await serialServed(admission, authority.cert), await serialServed(hub, authority.cert)]
  }
  const serial = ({ cert }: CertificatePair) => new X509Certificate(cert).serialNumber

  t.same(await served(), Array(2).fill(serial(meanwhile)), 'while the webhook and its hub started')
  for (const listener of listeners) listener(later)
  t.same(await served(), Array(2).fill(serial(later)), 'while they serve')
})

test('onServing is called before the port of reviews is opened', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  t.teardown(() => holder.close())
  const { port } = holder.address() as AddressInfo
  const folder = await mkdtemp(join(tmpdir(), 'secco-webhook-'))
  const store = await openDirectoryStore(join(folder, 'store'))
  t.teardown(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  const local = { host: '127.0.0.1', port: 0 }
  let called = 0
  const started = startWebhook({
    ...{ store, certsDir: join(folder, 'certs'), revisionsDir: join(folder, 'revisions') },
    serverNames: ['127.0.0.1'],
    ...{ listen: { ...local, port }, hubListen: local, uiListen: local },
    legacyAnnotations: false,
    logger: collectLog().logger,
    onServing: () => (called += 1)
  })
  await t.rejects(started, { code: 'PORT_IN_USE' })
  t.equal(called, 1)
})
