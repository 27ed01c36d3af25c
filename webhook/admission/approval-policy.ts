import { apiGroup, apiVersion } from '../../src/api/names.js'
import { strictPolicy } from './policy-parts.js'

const version = apiVersion.slice(apiGroup.length + 1)

/** The fields that decide which syscalls a profile allows, now or later: writing one of them is an approval. */
const guarded = ['seccomp', 'extends', 'approval', 'promote', 'learn'] as const

/** Returns CEL for whether a field of the spec differs from before; on CREATE, whether it exists. */
function changed(field: (typeof guarded)[number]): string {
  const had = `(oldObject != null && has(oldObject.spec.${field}))`
  const has = `has(object.spec.${field})`
  return `${has} != ${had} || (${has} && ${had} && object.spec.${field} != oldObject.spec.${field})`
}

const allowed = (verb: 'approve' | 'promote'): string =>
  [
    `authorizer.group('${apiGroup}').resource('seccompprofiles')`,
    '.namespace(request.namespace).name(object.metadata.name)',
    `.check('${verb}').allowed()`
  ].join('')

/** A person set spec.promote before, and this write leaves it, and everything else that a person decides, as it is. */
const byPolicy = [
  '(oldObject != null && has(oldObject.spec.promote))',
  ...(['promote', 'extends', 'learn'] as const).map((field) => `!variables.${field}`)
].join(' && ')

/**
 * Returns the ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) on approvals, and its binding. It runs in
 * the API server, so every write passes it, and no webhook has to run:
 * - only users who may `approve` seccompprofiles.secco.dev change which syscalls a profile allows; the hub may only
 *   `promote`: approve a profile for which such a user set spec.promote;
 * - an approval has the name of its writer;
 * - the approved content does not change while its approval stays the same.
 * The hub checks that the approval's digest is that of the spec: CEL has no hashes.
 */
export function approvalPolicy(): readonly object[] {
  const resourceRule = {
    apiGroups: [apiGroup],
    apiVersions: [version],
    operations: ['CREATE', 'UPDATE'],
    resources: ['seccompprofiles'],
    scope: 'Namespaced'
  }
  return strictPolicy('secco-approval', resourceRule, {
    variables: [
      ...guarded.map((field) => ({ name: field, expression: changed(field) })),
      {
        name: 'content',
        expression: 'variables.seccomp || variables.extends'
      },
      {
        name: 'guarded',
        expression: guarded.map((field) => `variables.${field}`).join(' || ')
      },
      { name: 'byPolicy', expression: byPolicy }
    ],
    validations: [
      {
        expression: `!variables.guarded || ${allowed('approve')} || (variables.byPolicy && ${allowed('promote')})`,
        messageExpression:
          "'secco: ' + request.userInfo.username + ' may not approve in namespace '" +
          " + request.namespace + ': what a profile allows" +
          " is changed only by users with the verb approve on seccompprofiles.secco.dev'",
        reason: 'Forbidden'
      },
      {
        expression:
          '!variables.approval || !has(object.spec.approval) || object.spec.approval.by == request.userInfo.username',
        messageExpression:
          "'secco: spec.approval.by: must be ' + request.userInfo.username + ', who writes it'",
        reason: 'Forbidden'
      },
      {
        expression: '!variables.content || !has(object.spec.approval) || variables.approval',
        message:
          'secco: spec.approval is for the earlier content: remove it, or approve with `secco profile approve`',
        reason: 'Invalid'
      }
    ],
    auditAnnotations: [
      {
        key: 'approved-by',
        // CEL does not compile null next to a string; an empty string leaves the annotation out.
        valueExpression: "variables.guarded ? request.userInfo.username : ''"
      }
    ]
  })
}
