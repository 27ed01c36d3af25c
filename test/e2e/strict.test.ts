import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { test } from 'tap'
import { ensureServerLeaf } from '../../certs/files.js'
import { installObjects } from '../../cli/install/objects.js'
import { defaultOptions } from '../../cli/install/options.js'
import { createLogger } from '../../src/lib/log.js'
import { buildSnapshot } from '../../src/rules/snapshot.js'
import { createAdmissionServer } from '../../webhook/server.js'
import { findApiServer } from '../helpers/api-server-programs.js'
import { freePort } from '../helpers/child-program.js'
import { allShellBlocks } from '../helpers/documents.js'
import { startCluster } from '../helpers/cluster.js'
import type { Json } from '../helpers/kube.js'
import { testProfile, testRule } from '../helpers/rules.js'
import { until } from '../helpers/until.js'

const found = await findApiServer()
const skip = found.skip ?? false

const rule = testRule('web', {
  podSelector: { matchLabels: { app: 'web' } },
  profile: { namespace: 'shop', name: 'web.app' }
})
const pod = (name: string): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: 'web' } },
  spec: { containers: [{ name: 'app', image: 'web:1' }] }
})

/** The status of a review that comes without a certificate. */
function ask(port: number, ca: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const method = path === '/mutate' ? 'POST' : 'GET'
    const headers = { 'content-type': 'application/json' }
    const outgoing = request({ host: '127.0.0.1', port, ca, path, method, headers }, (response) => {
      resolve(response.statusCode ?? 0)
      response.resume()
    })
    outgoing.on('error', reject)
    outgoing.end(method === 'POST' ? '{}' : undefined)
  })
}

test('secco install --strict, before a real API server', { skip, timeout: 300_000 }, async (t) => {
  if (found.programs === undefined) return
  const dir = t.testdir()
  // The certificate as docs/how-to/strict.md makes it.
  for (const { text } of allShellBlocks().filter(({ runner }) => runner === 'strict')) {
    execFileSync('sh', ['-ec', text], { cwd: dir, stdio: 'pipe' })
  }
  const made = (name: string) => readFileSync(join(dir, name), 'utf8')
  const clientCa = made('webhook-clients.crt')
  const tls = await ensureServerLeaf(join(dir, 'server'), ['127.0.0.1'])
  const port = await freePort()
  // What docs/how-to/strict.md writes: the certificate that the API server shows to webhooks.
  const file = (name: string, content: unknown): string => {
    writeFileSync(join(dir, name), JSON.stringify(content))
    return join(dir, name)
  }
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const user = {
    'client-certificate-data': base64(made('apiserver-webhooks.crt')),
    'client-key-data': base64(made('apiserver-webhooks.key'))
  }
  const users = [{ name: `127.0.0.1:${port}`, user }]
  const kubeConfigFile = file('webhooks.json', { apiVersion: 'v1', kind: 'Config', users })
  const admission = file('admission.json', {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AdmissionConfiguration',
    plugins: [
      {
        name: 'MutatingAdmissionWebhook',
        configuration: {
          apiVersion: 'apiserver.config.k8s.io/v1',
          kind: 'WebhookAdmissionConfiguration',
          kubeConfigFile
        }
      }
    ]
  })
  const cluster = await startCluster(found.programs, [
    `--admission-control-config-file=${admission}`
  ])
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  await kube.do('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  const options = { ...defaultOptions, image: 'secco:test', finalState: 'deny' as const }
  const strict = { failurePolicy: 'Fail', floor: 'runtime-default', clientCa } as const
  const objects = installObjects({ ...options, ...strict, mode: 'enforce' })
  const configuration = objects.at(-1) as { webhooks: Json[] } & Json
  await kube.do('POST', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
    ...configuration,
    webhooks: configuration.webhooks.map((one) => ({
      ...one,
      clientConfig: { url: `https://127.0.0.1:${port}/mutate`, caBundle: base64(tls.ca) }
    }))
  })
  const create = (namespace: string, name: string) =>
    kube.call('POST', `/api/v1/namespaces/${namespace}/pods`, pod(name))

  const away = await until('the webhook to be asked', async () => {
    const answer = await create('shop', `away-${Math.random().toString(36).slice(2)}`)
    return answer.status === 201 ? undefined : answer
  })
  t.match(away, { status: 500, body: { message: /failed calling webhook "pods\.secco\.dev"/ } })
  t.equal((await create('kube-system', 'excluded')).status, 201, 'kube-system is never held up')

  const snapshot = buildSnapshot({ rules: [rule], profiles: [testProfile('shop', 'web.app')] })
  const webhook = createAdmissionServer({
    ...{ tls, clientCa, clientNames: ['kube-apiserver-webhooks'], getSnapshot: () => snapshot },
    logger: createLogger('webhook', { write: () => undefined })
  })
  await webhook.listen({ host: '127.0.0.1', port })
  t.teardown(() => webhook.shutdown())
  const there = await create('shop', 'there')
  t.equal(there.status, 201, String(there.body['message']))
  const localhost = { seccompProfile: { type: 'Localhost' } }
  t.match(there.body['spec'], { containers: [{ securityContext: localhost }] })
  t.equal(await ask(port, tls.ca, '/mutate'), 401, 'nobody else gets a decision')
  t.equal(await ask(port, tls.ca, '/readyz'), 200, 'probes need no certificate')
})
