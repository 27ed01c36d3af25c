import { test } from 'tap'
import { finalStatePolicy } from '../../../webhook/admission/final-state-policy.js'
import { mutatingWebhookConfiguration } from '../../../webhook/admission/webhook-configuration.js'
import { labels } from '../../helpers/reviews.js'

test('the webhook configuration and the policy', (t) => {
  const configuration = mutatingWebhookConfiguration({
    target: { url: 'https://127.0.0.1:8443/mutate' },
    caBundle: 'Q0E='
  })
  const webhook = configuration.webhooks[0]
  t.strictSame(webhook.admissionReviewVersions, ['v1'])
  const core = { apiGroups: [''], apiVersions: ['v1'], scope: 'Namespaced' }
  t.strictSame(webhook.rules, [
    { ...core, operations: ['CREATE'], resources: ['pods'] },
    { ...core, operations: ['UPDATE'], resources: ['pods/ephemeralcontainers'] }
  ])
  t.match(webhook, {
    sideEffects: 'None',
    reinvocationPolicy: 'IfNeeded',
    failurePolicy: 'Ignore',
    matchPolicy: 'Equivalent',
    timeoutSeconds: 2,
    clientConfig: { url: 'https://127.0.0.1:8443/mutate', caBundle: 'Q0E=' }
  })
  t.strictSame(webhook.namespaceSelector.matchExpressions[0]?.values, [
    'kube-node-lease',
    'kube-system',
    'secco-system'
  ])
  const service = mutatingWebhookConfiguration({
    target: { service: { name: 'w', namespace: 'own' } },
    caBundle: '',
    ownNamespace: 'own'
  })
  t.strictSame(service.webhooks[0].clientConfig, {
    service: { name: 'w', namespace: 'own', path: '/mutate', port: 443 }
  })
  t.same(
    service.webhooks[0].matchConditions.map(({ expression }) => expression),
    [
      "request.namespace != 'own'",
      "!request.userInfo.username.startsWith('system:serviceaccount:own:')"
    ],
    'Secco does not depend on itself'
  )
  const [, nodes] = mutatingWebhookConfiguration({
    ...{ target: { url: 'https://127.0.0.1:8443/mutate' }, caBundle: '', nodes: true },
    failurePolicy: 'Fail'
  }).webhooks
  t.match(nodes?.clientConfig, { url: 'https://127.0.0.1:8443/mutate-node' })
  t.equal(nodes?.failurePolicy, 'Ignore', 'nodes register without Secco')
  const { policy, bindings } = finalStatePolicy({
    bindings: [{ name: 'web', podSelector: { matchLabels: labels } }]
  })
  t.equal(bindings.length, 3)
  t.ok(bindings.every((b) => b.spec.policyName === policy.metadata.name))
  t.end()
})
