import { hubGroup, hubVersion } from '../../src/api/hub-path.js'
import { clusterNamed, names, named, namespace, ports, roleLabels } from './names.js'
import type { InstallOptions, Manifest } from './options.js'

function service(name: string, role: string, ports: readonly [number, string][]): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: named(name, name.replace('secco-', '')),
    spec: {
      type: 'ClusterIP',
      selector: { 'app.kubernetes.io/name': 'secco', [role]: 'true' },
      ports: ports.map(([port, target]) => ({
        ...{ name: target, port, targetPort: target, protocol: 'TCP' }
      }))
    }
  }
}

const apiPort: [number, string] = [443, 'api']

/** Returns the Services. They select pods by role, so they are the same for one process and for several. */
export function services({ hubApi }: InstallOptions): Manifest[] {
  return [
    service(names.webhook, roleLabels.admission, [[443, 'webhook']]),
    service(names.hub, roleLabels.hub, [[ports.hub, 'hub'], ...(hubApi ? [apiPort] : [])]),
    // The pages listen on their pod's loopback: kubectl -n secco-system port-forward svc/secco-pages 9445:80
    service(names.pages, roleLabels.hub, [[80, 'pages']])
  ]
}

const tcp = (port: number) => ({ protocol: 'TCP', port })
const dns = { ports: [{ protocol: 'UDP', port: 53 }, tcp(53)] }
/** Namespaces whose pods may read metrics carry this label. */
const scrapeLabel = 'secco.dev/scrape'
const scrapers = { namespaceSelector: { matchLabels: { [scrapeLabel]: 'true' } } }

function policy(name: string, podSelector: object, ingress: object[], egress: object[]): Manifest {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: named(name, 'network'),
    spec: { podSelector, policyTypes: ['Ingress', 'Egress'], ingress, egress }
  }
}

/**
 * Returns the policies on connections between pods. The API server is no pod and its address is not known here, so the
 * webhook's port is open to all and its egress is limited by port. Every other policy names its peer.
 */
export function networkPolicies(options: InstallOptions): Manifest[] {
  const satellites = { podSelector: { matchLabels: { [roleLabels.satellite]: 'true' } } }
  const hubs = { podSelector: { matchLabels: { [roleLabels.hub]: 'true' } } }
  const apiServer = { ports: [tcp(443), tcp(6443)] }
  const webhookIn = { ports: [tcp(ports.webhook)] }
  // The API server, and hubs on standby; others have no certificate that counts.
  const apiIn = options.hubApi ? [{ ports: [tcp(ports.api)] }] : []
  // A hub on standby passes requests for pages and API on to the active one.
  const hubIn = { from: [satellites, hubs], ports: [tcp(ports.hub)] }
  const toHubs = {
    to: [hubs],
    ports: [tcp(ports.hub), ...(options.hubApi ? [tcp(ports.api)] : [])]
  }
  const select = (role: string) => ({ matchLabels: { [role]: 'true' } })
  const central =
    options.layout === 'small'
      ? [
          policy(
            names.both,
            select(roleLabels.hub),
            [webhookIn, hubIn, ...apiIn],
            [apiServer, toHubs, dns]
          )
        ]
      : [
          policy(names.webhook, select(roleLabels.admission), [webhookIn], [apiServer, dns]),
          policy(
            names.hub,
            select(roleLabels.hub),
            [webhookIn, hubIn, ...apiIn],
            [apiServer, toHubs, dns]
          )
        ]
  return [
    policy('secco-default', {}, [], []),
    ...central,
    policy(
      names.satellite,
      select(roleLabels.satellite),
      [{ from: [scrapers], ports: [tcp(ports.satellite)] }],
      [{ to: [hubs], ports: [tcp(ports.hub)] }, dns]
    )
  ]
}

/** Returns the objects for cert-manager: an issuer, and the pair in the Secret that the webhook mounts. */
export function certManagerObjects(dnsNames: readonly string[]): Manifest[] {
  const api = 'cert-manager.io/v1'
  return [
    {
      apiVersion: api,
      kind: 'Issuer',
      metadata: named(`${names.issuer}-selfsigned`, 'certificates'),
      spec: { selfSigned: {} }
    },
    {
      apiVersion: api,
      kind: 'Certificate',
      metadata: named(names.authority, 'certificates'),
      spec: {
        isCA: true,
        commonName: 'secco authority',
        secretName: names.authority,
        duration: '87600h',
        privateKey: { algorithm: 'ECDSA', size: 256 },
        issuerRef: { name: `${names.issuer}-selfsigned`, kind: 'Issuer' }
      }
    },
    {
      apiVersion: api,
      kind: 'Issuer',
      metadata: named(names.issuer, 'certificates'),
      spec: { ca: { secretName: names.authority } }
    },
    {
      apiVersion: api,
      kind: 'Certificate',
      metadata: named(names.certificates, 'certificates'),
      spec: {
        secretName: names.certificates,
        duration: '2160h',
        // After two thirds of its life.
        renewBefore: '720h',
        dnsNames: [...dnsNames],
        privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
        usages: ['server auth', 'digital signature'],
        issuerRef: { name: names.issuer, kind: 'Issuer' }
      }
    }
  ]
}

/** Annotation of the webhook configuration: cert-manager's injector keeps the caBundle up to date. */
export const injectAnnotation = {
  'cert-manager.io/inject-ca-from': `${namespace}/${names.certificates}`
} as const

/** Returns the registration of the hub's API at the API server, and the right to know how the API server proves itself. */
export function hubApiObjects({ hubApi, tls, layout }: InstallOptions): Manifest[] {
  if (!hubApi) return []
  const metadata = named(`${names.hub}-authentication`, 'rights')
  const inject = tls === 'cert-manager' ? { annotations: injectAnnotation } : {}
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { ...metadata, namespace: 'kube-system' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'Role',
        name: 'extension-apiserver-authentication-reader'
      },
      subjects: [
        { kind: 'ServiceAccount', name: layout === 'small' ? names.both : names.hub, namespace }
      ]
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      // The leader of the certificates puts the caBundle in.
      metadata: { ...clusterNamed(names.apiService, 'hub'), ...inject },
      spec: {
        ...{ group: hubGroup, version: hubVersion },
        ...{ groupPriorityMinimum: 1000, versionPriority: 10 },
        service: { name: names.hub, namespace, port: apiPort[0] }
      }
    }
  ]
}
