import { credentials } from '@grpc/grpc-js'
import { HubClient } from '../../src/api/gen/hub.js'

const largestMessage = 4 * 1024 * 1024

/** PEM texts: the authorities that may have signed the hub's certificate, and the node's own pair if it has one. */
export interface UplinkTls {
  ca: string
  cert?: string
  key?: string
}

export interface HubAddress {
  /** `host:port` of the hub. */
  hub: string
  /** Name that the hub's certificate is checked against, if it is not the host of `hub`. */
  serverName?: string
}

/** Opens a channel to the hub; it connects on use. @param mostMs longest wait between two attempts. */
export function newHubClient(
  { hub, serverName }: HubAddress,
  tls: UplinkTls,
  mostMs: number
): HubClient {
  const channel = credentials.createSsl(
    Buffer.from(tls.ca),
    tls.key === undefined ? null : Buffer.from(tls.key),
    tls.cert === undefined ? null : Buffer.from(tls.cert)
  )
  return new HubClient(hub, channel, {
    // The uplink decides when to connect; the channel must not add its own backoff.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': Math.max(100, Math.min(1000, mostMs)),
    'grpc.max_receive_message_length': largestMessage,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName })
  })
}
