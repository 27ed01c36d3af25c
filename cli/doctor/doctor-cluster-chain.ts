import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import type { ApiCall } from '../../src/store/kubernetes-call.js'
import type { CanaryPlace, Pod } from './doctor-cluster-canary.js'
import type { ChosenNodes } from './doctor-cluster-nodes.js'
import type { Workload } from './doctor-cluster-programs.js'
import type { DoctorOutput } from './doctor-links.js'
import type { HubAccess } from '../hubs/hub-api.js'

export interface ClusterDoctorOptions {
  kubeconfig: string
  /** Who asks the hub; default: the kubeconfig's own token. */
  token: string | undefined
  output: DoctorOutput
  /** Nodes that get a canary at most; Infinity: each. */
  most: number
}

/** What the links of the chain in a cluster hand on. */
export interface Chain {
  options: ClusterDoctorOptions
  call: ApiCall
  /** All of them: each knows its own satellites. */
  hubs: readonly HubAccess[]
  satellite: Workload['spec']['template']['spec']
  nodes: ChosenNodes
  /** Of these nodes, as `uname -m` says it. */
  machine: string
  digest: string
  path: string
  /** The canaries, and their containers as hubs see them, by node. */
  pods: ReadonlyMap<string, Pod>
  views: ReadonlyMap<string, ContainerView>
}

export const placeOf = ({ satellite }: Chain): CanaryPlace => ({
  image: satellite.containers[0]?.image ?? '',
  imagePullSecrets: satellite.imagePullSecrets ?? []
})
