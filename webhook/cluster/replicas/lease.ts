/* coordination.k8s.io/v1 Lease, as far as the election of the active hub uses it. */

export interface LeaseSpec {
  holderIdentity?: string
  leaseDurationSeconds?: number
  acquireTime?: string
  renewTime?: string
  leaseTransitions?: number
}

export interface Lease {
  metadata: {
    name: string
    namespace: string
    resourceVersion?: string
    annotations?: Record<string, string>
  }
  spec: LeaseSpec
}

/** metav1.MicroTime. */
export const microTime = (): string => new Date().toISOString().replace('Z', '000Z')
