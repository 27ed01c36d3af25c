import { startupTaint } from '../../src/api/names.js'
import { strictPolicy } from './policy-parts.js'

/** Returns CEL for whether an optional field is the same before and after. */
const same = (field: string): string => `object.${field} == oldObject.${field}`

/** The fields that people and controllers set. An owner that does not exist would have the node deleted. */
const metadataFields = ['labels', 'annotations', 'finalizers', 'ownerReferences']

/** The fields of a node's spec besides its taints (k8s.io/api core/v1 NodeSpec). */
const specFields = [
  'podCIDR',
  'podCIDRs',
  'providerID',
  'unschedulable',
  'configSource',
  'externalID'
]

/**
 * Returns the ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) on what the hub's account does to nodes, and
 * its binding: it may only remove the start-up taint. RBAC cannot allow less than to patch all of a node.
 * @param users the names of the service accounts of hubs, `system:serviceaccount:NAMESPACE:NAME`
 */
export function nodePolicy(users: readonly string[]): readonly object[] {
  const listed = users.map((user) => `'${user}'`).join(', ')
  const taints = (of: string) => `${of}.spec.?taints.orValue([])`
  const resourceRule = {
    apiGroups: [''],
    apiVersions: ['v1'],
    operations: ['UPDATE'],
    resources: ['nodes', 'nodes/status'],
    scope: 'Cluster'
  }
  return strictPolicy('secco-nodes', resourceRule, {
    matchConditions: [{ name: 'the-hub', expression: `request.userInfo.username in [${listed}]` }],
    validations: [
      {
        expression: [
          ...metadataFields.map((field) => same(`metadata.?${field}`)),
          ...specFields.map((field) => same(`spec.?${field}`)),
          `${taints('object')}.all(t, t in ${taints('oldObject')})`,
          `${taints('oldObject')}.all(t, t.key == '${startupTaint}' || t in ${taints('object')})`
        ].join(' && '),
        message: `Secco's hub may only remove the taint ${startupTaint} from a node`,
        reason: 'Forbidden'
      }
    ]
  })
}
