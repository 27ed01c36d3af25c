import { names } from '../../cli/install/names.js'
import type { Kube } from './kube.js'
import {
  mutatingWebhookConfiguration,
  type WebhookConfigurationOptions
} from '../../webhook/admission/webhook-configuration.js'

const patientSeconds = 30

/**
 * The configuration that we give people, but for its time limit of two seconds: where two cores are etcd, API
 * server, webhook and whoever asks, an answer that is late is nobody's fault.
 */
export function patientWebhook(options: WebhookConfigurationOptions) {
  const configuration = mutatingWebhookConfiguration(options)
  const webhooks = configuration.webhooks.map((hook) => ({
    ...hook,
    timeoutSeconds: patientSeconds
  }))
  return { ...configuration, webhooks }
}

/** The same of one that is installed already. */
export async function makePatient(kube: Pick<Kube, 'do'>): Promise<void> {
  await kube.do(
    'PATCH',
    `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${names.configuration}`,
    [{ op: 'replace', path: '/webhooks/0/timeoutSeconds', value: patientSeconds }],
    { contentType: 'application/json-patch+json' }
  )
}
