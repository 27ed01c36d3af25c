import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { ensureServerLeaf } from '../../certs/files.js'
import { installObjects } from '../../cli/install/objects.js'
import { defaultOptions, strictOptions } from '../../cli/install/options.js'
import { createLogger } from '../../src/lib/log.js'
import { buildSnapshot } from '../../src/rules/snapshot.js'
import { createAdmissionServer } from '../../webhook/server.js'
import { findApiServer } from '../helpers/api-server-programs.js'
import { freePort } from '../helpers/child-program.js'
import { startCluster } from '../helpers/cluster.js'
import type { Json } from '../helpers/kube.js'
import { testProfile, testRule } from '../helpers/rules.js'
import { until } from '../helpers/until.js'
import { askWithoutCertificate, makeWebhookClient } from '../helpers/webhook-client.js'

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

test('secco install --strict, before a real API server', { skip, timeout: 300_000 }, async (t) => {
  if (found.programs === undefined) return
  const dir = t.testdir()
  const tls = await ensureServerLeaf(join(dir, 'server'), ['127.0.0.1'])
  const port = await freePort()
  const { authority, apiServerFlags } = makeWebhookClient(dir, `127.0.0.1:${port}`)
  const clientCa = readFileSync(authority, 'utf8')
  const cluster = await startCluster(found.programs, apiServerFlags)
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  await kube.do('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  const options = { ...defaultOptions, image: 'secco:test', ...strictOptions }
  const objects = installObjects({ ...options, clientCa })
  const configuration = objects.at(-1) as { webhooks: Json[] } & Json
  await kube.do('POST', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
    ...configuration,
    webhooks: configuration.webhooks.map((one) => ({
      ...one,
      clientConfig: {
        url: `https://127.0.0.1:${port}/mutate`,
        caBundle: Buffer.from(tls.ca).toString('base64')
      }
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
  const asked = { host: '127.0.0.1', port, ca: tls.ca }
  t.equal(await askWithoutCertificate(asked, '/mutate'), 401, 'nobody else gets a decision')
  t.equal(await askWithoutCertificate(asked, '/readyz'), 200, 'probes need no certificate')
})
