import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import type { KubeconfigOptions } from '../lib/open-store.js'
import type { ApiCall } from '../../src/store/kubernetes-call.js'
import type { CanaryPlace, Pod } from './doctor-cluster-canary.js'
import type { ChosenNodes } from './doctor-cluster-nodes.js'
import type { Workload } from './doctor-cluster-programs.js'
import type { DoctorOutput } from './doctor-links.js'
import type { Hub } from '../hubs/hub.js'

export interface ClusterDoctorOptions {
  /** Ends the proof early; what was made is removed. */
  signal: AbortSignal
  kubeconfig: KubeconfigOptions
  /** Token for the hub; default: that of the kubeconfig. */
  token: string | undefined
  output: DoctorOutput
  /** Nodes that get a canary at most; Infinity: every node. */
  most: number
}

/** State that the links of the chain in a cluster pass on. */
export interface Chain {
  options: ClusterDoctorOptions
  call: ApiCall
  hub: Hub
  satellite: Workload['spec']['template']['spec']
  nodes: ChosenNodes
  /** Machine of these nodes, as in `uname -m`. */
  machine: string
  digest: string
  path: string
  /** The canaries, and their containers as hubs report them, by node. */
  pods: ReadonlyMap<string, Pod>
  views: ReadonlyMap<string, ContainerView>
}

export const placeOf = ({ satellite }: Chain): CanaryPlace => ({
  image: satellite.containers[0]?.image ?? '',
  imagePullSecrets: satellite.imagePullSecrets ?? []
})
