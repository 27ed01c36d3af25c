import {
  mutatingWebhookConfiguration,
  type WebhookConfigurationOptions
} from '../../webhook/admission/webhook-configuration.js'

/**
 * The configuration that we give people, but for its time limit of two seconds: where two cores are etcd, API
 * server, webhook and whoever asks, an answer that is late is nobody's fault.
 */
export function patientWebhook(options: WebhookConfigurationOptions) {
  const configuration = mutatingWebhookConfiguration(options)
  const webhooks = configuration.webhooks.map((hook) => ({ ...hook, timeoutSeconds: 30 }))
  return { ...configuration, webhooks }
}
