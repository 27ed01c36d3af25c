import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createAuthority } from '../../certs/authority.js'
import { createLeaf } from '../../certs/leaf.js'
import type { Json } from './kube.js'

/** Returns the configuration of a webhook that is asked about each new pod of one namespace. */
const plainConfiguration = (url: string, caBundle: string, namespace: string): Json => ({
  ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' },
  metadata: { name: 'plain' },
  webhooks: [
    {
      ...{ name: 'plain.example.com', clientConfig: { url, caBundle }, timeoutSeconds: 30 },
      ...{ admissionReviewVersions: ['v1'], sideEffects: 'None', failurePolicy: 'Ignore' },
      rules: [
        { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }
      ],
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } }
    }
  ]
})

/** PlainWebhook is a webhook that changes nothing, in a process of its own. */
export interface PlainWebhook {
  configuration: Json
  stop: () => void
}

/** Starts a webhook that changes nothing. @param namespace where it is asked about each new pod */
export async function startPlainWebhook(namespace: string): Promise<PlainWebhook> {
  const now = new Date()
  const authority = await createAuthority(now)
  const tls = await createLeaf({ kind: 'server', names: ['127.0.0.1'] }, authority, now)
  const program = fork(new URL('./plain-webhook-program.js', import.meta.url))
  const answer = once(program, 'message')
  program.send({ cert: tls.cert, key: tls.key })
  const [port] = (await answer) as [number]
  const caBundle = Buffer.from(authority.cert).toString('base64')
  return {
    configuration: plainConfiguration(`https://127.0.0.1:${port}/`, caBundle, namespace),
    stop() {
      if (program.connected) program.disconnect()
    }
  }
}
