import { commonLabels, named, names, namespace, ports, roleLabels } from '../names.js'
import type { Manifest } from '../options.js'
import { alerts, jobs } from './alerts.js'

const api = 'monitoring.coreos.com/v1'
/** Label of a scraped Service with its own name, because all objects of Secco share the other labels. */
const jobLabel = 'secco.dev/metrics'

/** Returns a headless Service: Prometheus finds the pods behind it. */
function headless(name: string, role: string, port: string): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: named(name, 'metrics'),
    spec: {
      clusterIP: 'None',
      // Pods that are not ready have metrics too.
      publishNotReadyAddresses: true,
      selector: { 'app.kubernetes.io/name': 'secco', [role]: 'true' },
      ports: [
        {
          name: port,
          port: port === 'health' ? ports.satellite : ports.webhook,
          targetPort: port,
          protocol: 'TCP'
        }
      ]
    }
  }
}

function serviceMonitor(name: string, endpoint: object): Manifest {
  const metadata = named(name, 'metrics')
  const marked = { ...commonLabels, 'app.kubernetes.io/component': 'metrics', [jobLabel]: name }
  return {
    apiVersion: api,
    kind: 'ServiceMonitor',
    metadata,
    spec: {
      namespaceSelector: { matchNames: [namespace] },
      selector: { matchLabels: marked },
      endpoints: [{ path: '/metrics', interval: '30s', ...endpoint }]
    }
  }
}

function marked(service: Manifest, name: string): Manifest {
  const metadata = service['metadata'] as { labels: Record<string, string> }
  return { ...service, metadata: { ...metadata, labels: { ...metadata.labels, [jobLabel]: name } } }
}

/** Returns Services and ServiceMonitors: one for the central programs over TLS, one for the satellites. */
export function scraping(): Manifest[] {
  return [
    marked(headless(jobs.central, roleLabels.central, 'webhook'), jobs.central),
    marked(headless(jobs.satellite, roleLabels.satellite, 'health'), jobs.satellite),
    serviceMonitor(jobs.central, {
      port: 'webhook',
      scheme: 'https',
      tlsConfig: {
        ca: { configMap: { name: names.authority, key: 'ca.crt' } },
        serverName: `${names.webhook}.${namespace}.svc`
      }
    }),
    serviceMonitor(jobs.satellite, { port: 'health' })
  ]
}

/** Returns the alerts as the Prometheus operator reads them. */
export function alertRules(): Manifest {
  return {
    apiVersion: api,
    kind: 'PrometheusRule',
    metadata: named('secco', 'metrics'),
    spec: {
      groups: [
        {
          name: 'secco',
          rules: alerts.map(({ severity, summary, description, ...rule }) => ({
            ...rule,
            labels: { severity },
            annotations: { summary, description }
          }))
        }
      ]
    }
  }
}
