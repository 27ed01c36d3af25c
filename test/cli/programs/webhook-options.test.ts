import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { t, test } from 'tap'
import { ensureCertificates } from '../../../certs/files.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { testRule } from '../../helpers/rules.js'
import { startWebhookProgram } from '../../helpers/webhook-program.js'

t.setTimeout(300_000)

interface Served {
  webhook: string
  caBundle: string
}

/** Starts `secco webhook` on a folder of its own, with a rule for every pod. */
async function served(state: string, ...options: string[]): Promise<[Served, () => Promise<void>]> {
  await mkdir(join(state, 'objects'), { recursive: true })
  const store = await openDirectoryStore(join(state, 'objects'))
  await store.apply('SeccompRule', testRule('all', { mode: 'learn' }))
  await store.close()
  const { stop } = await startWebhookProgram(state, ...options)
  const text = await readFile(join(state, 'addresses.json'), 'utf8')
  return [JSON.parse(text) as Served, stop]
}

async function certificateOf({ webhook, caBundle }: Served): Promise<X509Certificate> {
  const { port } = new URL(webhook)
  const ca = Buffer.from(caBundle, 'base64').toString()
  const socket = connect({ host: '127.0.0.1', port: Number(port), ca, servername: 'localhost' })
  await once(socket, 'secureConnect')
  const { raw } = socket.getPeerCertificate()
  socket.destroy()
  return new X509Certificate(raw)
}

/** What the webhook answers about a new pod with these labels. */
function review({ webhook, caBundle }: Served, labels: Record<string, string>): Promise<string> {
  const body = {
    ...{ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' },
    request: {
      ...{ uid: 'u', operation: 'CREATE', namespace: 'default', dryRun: false },
      resource: { group: '', version: 'v1', resource: 'pods' },
      object: {
        ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels } },
        spec: { containers: [{ name: 'app', image: 'app' }] }
      }
    }
  }
  return new Promise((resolve, reject) => {
    const options = {
      ...{ method: 'POST', ca: Buffer.from(caBundle, 'base64').toString(), agent: false },
      headers: { 'content-type': 'application/json' }
    }
    const url = `${webhook.replace('127.0.0.1', 'localhost')}/mutate`
    request(url, options, (answer) => {
      let text = ''
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
      answer.on('end', () => resolve(text))
    })
      .once('error', reject)
      .end(JSON.stringify(body))
  })
}

const patchOf = (answer: string): string => {
  const { response } = JSON.parse(answer) as { response: { patch?: string } }
  return Buffer.from(response.patch ?? '', 'base64').toString()
}

test('secco webhook --server-name: the certificate is for this name', async (t) => {
  const [plain, stopPlain] = await served(join(t.testdir({}), 'plain'))
  t.teardown(stopPlain)
  t.equal((await certificateOf(plain)).checkHost('secco.example'), undefined)
  const options = ['--server-name', 'secco.example', '--server-name', '192.0.2.1']
  const [named, stop] = await served(join(t.testdirName, 'named'), ...options)
  t.teardown(stop)
  const certificate = await certificateOf(named)
  t.equal(certificate.checkHost('secco.example'), 'secco.example')
  t.equal(certificate.checkIP('192.0.2.1'), '192.0.2.1')
  t.equal(certificate.checkHost('localhost'), 'localhost', 'its own names as well')
})

test('secco webhook --tls-dir: the certificate is that of the folder', async (t) => {
  const folder = t.testdir({})
  const made = join(folder, 'made')
  const { server } = await ensureCertificates(made, { serverNames: ['localhost', '127.0.0.1'] })
  const tls = join(folder, 'tls')
  await mkdir(tls)
  await writeFile(join(tls, 'tls.crt'), server.cert)
  await writeFile(join(tls, 'tls.key'), server.key)
  await writeFile(join(tls, 'ca.crt'), server.ca)
  const [place, stop] = await served(join(folder, 'state'), '--tls-dir', tls)
  t.teardown(stop)
  t.equal(Buffer.from(place.caBundle, 'base64').toString(), server.ca)
  const own = new X509Certificate(server.cert)
  t.equal((await certificateOf(place)).serialNumber, own.serialNumber)
})

test('secco webhook --allow-ignore: whether a pod may keep away from every rule', async (t) => {
  const labels = { 'secco.dev/ignore': 'true' }
  // [value, whether the pod is patched all the same]
  const table: [string[], boolean][] = [
    [[], true],
    [['--allow-ignore', 'off'], true],
    [['--allow-ignore', 'on'], false]
  ]
  const folder = t.testdir({})
  for (const [options, isPatched] of table) {
    const words = options.join(' ') || 'without the option'
    const [place, stop] = await served(join(folder, words.replaceAll(' ', '')), ...options)
    t.teardown(stop)
    t.match(patchOf(await review(place, {})), /RuntimeDefault/, `${words}: a pod without the label`)
    t.equal(/RuntimeDefault/.test(patchOf(await review(place, labels))), isPatched, words)
  }
})
