import type { Registry } from 'prom-client'
import type { CertificateSource } from '../certs/certificate-source.js'
import type { Logger } from '../src/lib/log.js'
import type { InstallMode } from '../src/rules/observe.js'
import type { Store } from '../src/store/store.js'
import type { Rights } from './access/rights.js'
import type { HubTrustOptions } from './cluster/access/hub-trust.js'
import type { ClusterOptions } from './cluster/cluster.js'
import type { Hub } from './hub/hub.js'
import type { Role } from './roles.js'

export interface Address {
  host: string
  port: number
}

export interface WebhookOptions {
  store: Store
  /** Folder of the authority and the leaf certificates; created when missing. */
  certsDir: string
  /** Folder of rendered revisions, so that whenNotReady: Previous survives a restart. */
  revisionsDir: string
  /** Names and addresses that the serving certificate must cover. */
  serverNames: readonly string[]
  /** Source of the certificate instead of `certsDir`; closed with the program. */
  certificates?: CertificateSource
  /** Only callers with a certificate of this authority, and one of these names if there are any, get decisions. */
  callers?: { ca: string; names: readonly string[] }
  /** Outside a cluster: the node whose satellite is started together with the hub; until it reports, it is missing. */
  ownNode?: string
  /** The webhook's own port: /mutate, /livez, /readyz, /metrics. */
  listen: Address
  /** gRPC for satellites, mutual TLS. */
  hubListen: Address
  /** Host or address where satellites and other replicas reach this hub; default: that of `hubListen`. */
  advertise?: string
  /** Pages and API; loopback only. */
  uiListen: Address
  /** The hub's API for the API server (an aggregated API), in a cluster; default: not served. */
  apiListen?: Address
  /** The token that the command line sends to the API; without one only people with links have access. */
  uiToken?: string
  /** Options with which the command line reaches this hub, for the commands on the pages; default: it needs none. */
  commandOptions?: string
  /** Roles and permissions on the pages; default: the machine's own token and links. */
  rights?: Rights
  legacyAnnotations: boolean
  /** `observe`: nothing is patched until a namespace is enabled; default enforce. */
  mode?: InstallMode
  logger: Logger
  /** The roles of this replica; default: all. See `parseRoles`. */
  roles?: ReadonlySet<Role>
  /** In a cluster; without it the store is the only source. */
  cluster?: ClusterOptions
  /** In a cluster: the account of the tokens that satellites present, and the rule for containers outside pods. */
  trust?: HubTrustOptions
  /** New nodes carry the start-up taint `secco.dev/not-ready` until they have every file. */
  joinTainted?: boolean
  /** Whether `secco.dev/ignore` counts in namespaces that do not set it. */
  allowIgnore?: boolean
  /** The registry served at /metrics; it may have counts from before the start. */
  registry?: Registry
  /** How long `close` keeps answering reviews while /readyz fails; then it waits for callers (ShutdownOptions). Default: neither. */
  leaveMs?: number
  /** Called before the first review can come. From then on only `close` ends the program without dropping one. */
  onServing?: () => void
}

export interface RunningWebhook {
  /** The addresses of this replica's roles; health and metrics are served in any case. */
  addresses: { webhook: Address; hub?: Address; ui?: Address; api?: Address }
  /** PEM of the authorities that clients should trust. */
  ca: string
  hub: Hub | undefined
  /** Returns the path of a new one-time link to an administrator's session; undefined where people have their own tokens. */
  link: (user: string) => string | undefined
  close(): Promise<void>
}

/** Returns the text form of an address, IPv6 in brackets. */
export function hostPort(address: Address): string {
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}
