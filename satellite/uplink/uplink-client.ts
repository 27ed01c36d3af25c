import { credentials } from '@grpc/grpc-js'
import { HubClient } from '../../src/api/gen/hub.js'
import type { UplinkOptions } from './uplink-types.js'

const largestMessage = 4 * 1024 * 1024

/** A channel of its own to the hub; it connects on use. `mostMs`: longest wait between two attempts. */
export function newHubClient(
  { hub, serverName }: Pick<UplinkOptions, 'hub' | 'serverName'>,
  tls: UplinkOptions['tls'],
  mostMs: number
): HubClient {
  const channel = credentials.createSsl(
    Buffer.from(tls.ca),
    tls.key === undefined ? null : Buffer.from(tls.key),
    tls.cert === undefined ? null : Buffer.from(tls.cert)
  )
  return new HubClient(hub, channel, {
    // The pace of attempts is ours; the channel must not add its own.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': Math.max(100, Math.min(1000, mostMs)),
    'grpc.max_receive_message_length': largestMessage,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName })
  })
}
