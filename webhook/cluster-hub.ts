import { SeccoError } from '../src/lib/errors.js'
import { hubTrust } from './cluster/access/hub-trust.js'
import type { JoinedCluster } from './cluster/cluster.js'
import type { HubOptions } from './hub/hub.js'
import { clusterTiming } from './hub/hub-timing.js'
import type { WebhookOptions } from './webhook-options.js'

/** Returns the cluster: a replica without a hub reads from the API's objects which revisions nodes have. */
export function inCluster(cluster: JoinedCluster | undefined): JoinedCluster {
  if (cluster !== undefined) return cluster
  throw new SeccoError('INVALID_ARGUMENT', 'roles: without hub a cluster is needed')
}

/** Returns the options of a hub in a cluster: other hubs, the nodes of pods, and the tokens of satellites. */
export async function clusterHub(
  { cluster: given, trust }: WebhookOptions,
  cluster: JoinedCluster | undefined
): Promise<Partial<HubOptions>> {
  if (given === undefined || cluster?.hub === undefined) return {}
  return {
    ...{
      cluster: cluster.hub,
      timing: { ...clusterTiming, ...given.timing?.hub },
      pods: cluster.view
    },
    ...(await hubTrust(given.config, trust))
  }
}
