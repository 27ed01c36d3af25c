import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { Registry } from 'prom-client'
import { ensureCertificates } from '../../certs/files.js'
import { createLogger } from '../../src/lib/log.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { createAdmissionServer } from '../../webhook/server.js'
import type { Cluster } from './cluster.js'
import type { Json } from './kube.js'
import { until } from './until.js'
import { patientWebhook } from './patient-webhook.js'

const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'

interface WebhookBeforeCluster {
  /** From here on the API server asks it, resp. does not. */
  enable(): Promise<void>
  disable(): Promise<void>
  close(): Promise<void>
}

/**
 * The real admission server before a real API server, deciding by a given snapshot.
 * @param probe a pod that the webhook patches, to see when the API server has taken notice.
 */
export async function webhookBeforeCluster(
  { kube }: Cluster,
  snapshot: Snapshot,
  probe: { namespace: string; pod: Json }
): Promise<WebhookBeforeCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'secco-before-'))
  const { server, caBundle } = await ensureCertificates(folder, { serverNames: ['127.0.0.1'] })
  const webhook = createAdmissionServer({
    registry: new Registry(),
    tls: server,
    getSnapshot: () => snapshot,
    logger: createLogger('webhook', new Writable({ write: (_chunk, _encoding, done) => done() }))
  })
  const { port } = await webhook.listen({ host: '127.0.0.1', port: 0 })
  const isPatched = async (): Promise<boolean> => {
    const path = `/api/v1/namespaces/${probe.namespace}/pods?dryRun=All`
    const { metadata } = await kube.do('POST', path, probe.pod)
    return (metadata as { annotations?: Json }).annotations?.['secco.dev/assigned'] !== undefined
  }
  const seen = (patched: boolean) =>
    until(`pods to be ${patched ? '' : 'no longer '}patched`, async () =>
      (await isPatched()) === patched ? true : undefined
    )
  return {
    async enable() {
      const target = { url: `https://127.0.0.1:${port}/mutate` }
      await kube.do('POST', configurations, patientWebhook({ target, caBundle }))
      await seen(true)
    },
    async disable() {
      await kube.do('DELETE', `${configurations}/secco`)
      await seen(false)
    },
    async close() {
      await webhook.shutdown()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
